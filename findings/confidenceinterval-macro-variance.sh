#!/usr/bin/env bash
# confidenceinterval 1.0.5: the intervals of macro-averaged precision and F1 have the wrong width.
#
# Macro precision of a binary test is (PPV + NPV) / 2. The two come from different patients, so its variance is a quarter
# of the sum of the two binomial variances. The package uses the delta method but subtracts the squares of the cells, not
# their outer product, from the diagonal, and does not divide one of the derivatives by the class's share. Macro recall and
# macro F1 are built alike. Only its "bootstrap" methods and binary averaging are right.
#
# Seen: TP 90, FN 10, FP 90, TN 810: macro precision 0.744 with 0.718 to 0.770. TP 45, FN 5, FP 10, TN 40: macro F1
# 0.850 with 0.697 to 1.002.
# Expected: 0.707 to 0.781 by the formula, as by the package's own bootstrap; and 0.78 to 0.92 by its bootstrap.
# Why it matters: "95 %" covers about 83 % in the first table; in the second the interval is more than twice as wide, so a
# real difference is lost. Nothing tells, as the estimate itself is right.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 statsmodels==0.15.0 \
  pandas==2.3.3 confidenceinterval==1.0.5
venv/bin/python - <<'PYTHON'
import confidenceinterval as ci
import numpy as np

def patients(tp, fn, fp, tn):
    """Truth and answer of each patient of a table."""
    return np.repeat([1, 1, 0, 0], (tp, fn, fp, tn)), np.repeat([1, 0, 1, 0], (tp, fn, fp, tn))

def bootstrap(score, data):
    return score(*data, average="macro", method="bootstrap_percentile", n_resamples=2000,
                 random_state=np.random.default_rng(0))[1]

table = patients(90, 10, 90, 810)
precision, (low, high) = ci.precision_score(*table, average="macro")
positive, negative = 90 / 180, 810 / 820
error = np.sqrt(positive * (1 - positive) / 180 + negative * (1 - negative) / 820) / 2
print(f"macro precision {precision:.3f}: {low:.3f} to {high:.3f};"
      f" formula {precision - 1.96 * error:.3f} to {precision + 1.96 * error:.3f};"
      " bootstrap {:.3f} to {:.3f}".format(*bootstrap(ci.precision_score, table)))
assert np.isclose(precision, (positive + negative) / 2)
assert (round(low, 3), round(high, 3)) == (0.718, 0.770)
assert np.isclose(error, np.ptp(bootstrap(ci.precision_score, table)) / (2 * 1.96), rtol=0.05)

table = patients(45, 5, 10, 40)
score, (low, high) = ci.f1_score(*table, average="macro")
print(f"macro F1 {score:.3f}: {low:.3f} to {high:.3f};"
      " bootstrap {:.3f} to {:.3f}".format(*bootstrap(ci.f1_score, table)))
assert (round(low, 3), round(high, 3)) == (0.697, 1.002)
PYTHON
