#!/usr/bin/env bash
# MLstatkit 0.1.91: DeLong's test of two models that rank alike says p = 0.
#
# If no pair of patients is ordered differently, the difference of the two areas has variance 0 and Delong_test goes over
# to the bootstrap. There all differences are 0, and twice the smaller of the shares "at most 0" (all) and "above 0" (none)
# is 0: no difference at all is reported as the strongest evidence for one.
#
# Seen: a model against its own squared scores: equal areas, z = 0.0, p = 0.0. Two models without an error: the same.
# Expected: p = 1, or NaN with a reason.
# Why it matters: calibration (temperature, Platt) keeps the ranking, so "before against after" ends here, and so do two
# models that separate a small test set entirely.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 MLstatkit==0.1.91
venv/bin/python - <<'PYTHON'
import numpy as np
from MLstatkit import Delong_test

random = np.random.default_rng(0)
truth = np.repeat([0, 1], 30)
scores = 1 / (1 + np.exp(-random.normal(2 * truth - 1)))
separated = np.linspace(0.01, 0.99, 60)
for name, first, second in (
    ("calibrated", scores, scores**2), ("no error", separated, np.sqrt(separated)),
):
    z, p, *_, area, other, about = Delong_test(truth, first, second, n_boot=200, random_state=0)
    print(f"{name}: areas {area:.3f} and {other:.3f}, z = {z}, p = {p} ({about['method']})")
    assert area == other
    assert (z, p) == (0.0, 0.0)
PYTHON
