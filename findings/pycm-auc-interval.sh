#!/usr/bin/env bash
# pycm 4.6: the confidence interval of a class's AUC swaps its positives and negatives, so that for a rare disease it is far
# too narrow.
#
# Hanley and McNeil's standard error (Radiology 1982) weighs Q1, the chance that two diseased both outrank one healthy, by
# the diseased less one, and Q2 by the healthy less one. pycm does it the other way round.
#
# Seen: 50 diseased of 1000, sensitivity and specificity 0.9: AUC 0.9 with a standard error of 0.0145, 0.872 to 0.928. For
# the other class of the same table 0.0294, which is the first one's by Hanley and McNeil.
# Expected: 0.0294, or 0.0218 from the two binomials, as pycm's AUC of a table is (sensitivity + specificity) / 2.
# Why it matters: with 5 % of disease half the width; the "95 %" of that interval are 81 %. With equal classes all three
# agree better, so tests on balanced tables do not show it.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pycm==4.6
venv/bin/python - <<'PYTHON'
from math import isclose, sqrt

from pycm import ConfusionMatrix

diseased, healthy, rate = 50, 950, 0.9
table = ConfusionMatrix(matrix={"disease": {"disease": 45, "none": 5}, "none": {"disease": 95, "none": 855}})

def hanley_mcneil(area, positives, negatives):
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    parts = area * (1 - area) + (positives - 1) * (first - area**2) + (negatives - 1) * (second - area**2)
    return sqrt(parts / (positives * negatives))

seen = {name: value[0] for name, value in table.CI("AUC").items()}
expected = hanley_mcneil(rate, diseased, healthy)
binomial = sqrt(rate * (1 - rate) / diseased + rate * (1 - rate) / healthy) / 2
print("AUC", table.AUC, "standard errors", seen)
print(f"Hanley and McNeil {expected:.4f}, binomial {binomial:.4f}, interval", table.CI("AUC")["disease"][1])
assert table.P["disease"] == diseased
assert isclose(seen["disease"], hanley_mcneil(rate, healthy, diseased))
assert isclose(seen["none"], expected)
assert seen["disease"] < binomial < expected
PYTHON
