#!/usr/bin/env bash
# quantus 0.6.0: weighted localisation of one saliency map depends on the other images of its batch, and maps without any
# saliency, or images without any finding, win the pointing game.
#
# AttributionLocalisation(weighted=True) weighs by the share of the image that the lesion's mask covers, but takes as size of
# the image x_batch[2:].size: all values of the third image and those after it. PointingGame keeps its hits in a boolean array,
# so NaN, set where the mask is empty, turns into True; and each pixel of a constant map is a maximum.
#
# Seen: the same map in batches of 3, 4 and 10 gets 0.25, 0.125 and 0.031; in a batch of 2 infinity. All-zero map: hit. Empty
# mask: hit.
# Expected: 0.25, or 4.0 as the measure's paper multiplies by image over mask, whatever the batch; no hit; NaN.
# Why it matters: the last batch of a loader has another size and weight. Grad-CAM often gives all-zero maps (nothing is
# left after its ReLU), and most chest films have no finding: both raise the share of hits. Only a batch whose maps are
# all zero raises an error.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 scikit-image==0.26.0 \
  pandas==2.3.3 quantus==0.6.0
venv/bin/python - <<'PYTHON'
import warnings

import numpy as np

warnings.simplefilter("ignore")
import quantus

size, quiet = 8, {"disable_warnings": True, "display_progressbar": False}
mask = np.zeros((1, 1, size, size), dtype=int)
mask[..., 2:6, 2:6] = 1  # a quarter of the image

def score(metric, maps, masks):
    images = np.random.default_rng(0).random((len(maps), 1, size, size))
    return metric(model=None, x_batch=images, y_batch=np.zeros(len(maps), dtype=int), a_batch=maps, s_batch=masks)

localisation = quantus.AttributionLocalisation(weighted=True, abs=True, normalise=False, **quiet)
seen = {}
for batch in (2, 3, 4, 10):
    maps, masks = np.repeat(mask.astype(float), batch, axis=0), np.repeat(mask, batch, axis=0)
    seen[batch] = float(score(localisation, maps, masks)[0])
    print(f"batch of {batch}: weighted localisation {seen[batch]:.3f}")
assert np.isinf(seen[2])
assert np.allclose([seen[3], seen[4], seen[10]], [1 / 4, 1 / 8, 1 / 32])

game = quantus.PointingGame(weighted=False, abs=False, normalise=False, **quiet)
nothing, beside = np.zeros((1, 1, size, size)), np.zeros((1, 1, size, size))
beside[..., 0, 0] = 1
hits = score(game, np.concatenate([nothing, beside, beside]), np.concatenate([mask, np.zeros_like(mask), mask]))
print("hits: all-zero map, empty mask, maximum beside the mask:", [bool(hit) for hit in hits])
assert [bool(hit) for hit in hits] == [True, True, False]
PYTHON
