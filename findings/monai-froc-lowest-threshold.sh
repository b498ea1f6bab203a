#!/usr/bin/env bash
# monai 1.6.1: the FROC score of a perfect detector can be 0, as the lowest probability is never tried as a threshold.
#
# compute_froc_curve_data goes through all distinct probabilities but the smallest, as the CAMELYON16 script that it comes
# from. If a lesion is missed, the smallest is the 0 that stands for it and nothing is lost. If all are found, it
# is a detection, and the curve ends before its best point: the full sensitivity.
#
# Seen: two lesions on two images, each found with probability 0.9, nothing else found: the curve is the single point (0, 0)
# and the score 0.0. With 0.9 and 0.8: sensitivity 0.5 everywhere, score 0.5. With a third lesion that is missed: 0.667.
# Expected: 1.0 and 1.0 before the third lesion.
# Why it matters: a detector that finds everything is scored below one that misses a lesion; on the small test sets of chest
# nodules, with calibrated or rounded probabilities, this changes rankings.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 torch==2.15.0 monai==1.6.1
venv/bin/python - <<'PYTHON'
import numpy as np
from monai.metrics import compute_fp_tp_probs_nd, compute_froc_curve_data, compute_froc_score

lesions = np.zeros((8, 8), dtype=int)
lesions[0, 0], lesions[4, 4], lesions[7, 7] = 1, 2, 3

def froc(probabilities, places, masks):
    wrong, right, targets = compute_fp_tp_probs_nd(np.array(probabilities), np.array(places), masks)
    return compute_froc_score(*compute_froc_curve_data(wrong, right, num_targets=targets, num_images=2))

two = np.where(lesions < 3, lesions, 0)
seen = [
    float(froc([0.9, 0.9], [(0, 0), (4, 4)], two)),
    float(froc([0.9, 0.8], [(0, 0), (4, 4)], two)),
    float(froc([0.9, 0.8], [(0, 0), (4, 4)], lesions)),
]
print("both found with 0.9:", seen[0], "- with 0.9 and 0.8:", seen[1], "- and a third missed:", round(seen[2], 3))
assert np.allclose(seen, [0, 1 / 2, 2 / 3])
PYTHON
