#!/usr/bin/env bash
# betacal 1.1.0 turns off all warnings of the process when it is fitted.
#
# BetaCalibration().fit() sets Python's filter to ignore every warning, and leaves it so. What scikit-learn has to say of
# the results afterwards, as that a metric is undefined, is no longer heard.
#
# Seen: precision without a positive prediction warns (UndefinedMetricWarning) before the fit, and gives the same
# 0.0 in silence after it.
# Expected: the same warning before and after; a filter that ends with the fit.
# Why it matters: calibration comes just before the evaluation. A precision of 0.0 that means "not defined" enters
# the table as a result.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 betacal==1.1.0
venv/bin/python - <<'PYTHON'
import warnings

import numpy as np
from betacal import BetaCalibration
from sklearn.metrics import precision_score

warnings.simplefilter("always")
truth = np.tile([0, 1, 1, 0, 1], 20)
scores = np.clip(0.3 * truth + np.linspace(0.1, 0.6, 100), 0, 1)


def heard():
    """Whether an undefined precision is told; the filters in force stay as they are."""
    told = []
    shown, warnings.showwarning = warnings.showwarning, lambda message, *_: told.append(message)
    value = precision_score([0, 1], [0, 0])
    warnings.showwarning = shown
    return float(value), [type(message).__name__ for message in told]


before = heard()
BetaCalibration().fit(scores, truth)
after = heard()
print("before the fit:", before)
print("after the fit: ", after)
assert before == (0.0, ["UndefinedMetricWarning"])
assert after == (0.0, [])
PYTHON
