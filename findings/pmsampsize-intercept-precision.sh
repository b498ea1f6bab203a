#!/usr/bin/env bash
# pmsampsize 0.1.0: for a continuous outcome the last criterion stops after one patient more, however many are needed.
#
# Sample size for developing a prediction model (Riley et al. 2019), by the authors of the R package of that name. Criterion
# 4 wants the upper limit of the intercept to be at most 1.1 times the intercept and adds patients until it is. The first
# limit uses minus the 2.5 % quantile of Student's t, those in the loop plus it, so that the upper limit is then the lower
# one and the very next size seems precise enough.
#
# Seen: 25 parameters, R2 0.2, intercept 1.9, standard deviation 6: 919 patients, and a 95 % interval from 2.25 to 1.55.
# Expected: 3068 patients; 919 give an interval of 1.55 to 2.25, whose upper limit is 1.18 times the intercept.
# Why it matters: the study is planned with less than a third of the patients, and its table says that all criteria hold.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
# The package asks for Python 3.12 but runs on 3.11, too.
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 \
  statsmodels==0.14.6 tabulate==0.9.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python pmsampsize==0.1.0
venv/bin/python - <<'PYTHON'
from pmsampsize.pmsampsize import pmsampsize
from scipy.stats import t

parameters, r_squared, intercept, deviation = 25, 0.2, 1.9, 6

def upper(patients):
    """The upper 95 % limit of the intercept (Riley et al. 2019, criterion iv), as a multiple of it."""
    error = (deviation**2 * (1 - r_squared) / patients) ** 0.5
    return 1 + t.ppf(0.975, patients - parameters - 1) * error / intercept

needed = next(n for n in range(parameters + 2, 100_000) if upper(n) <= 1.1)
result = pmsampsize(type="c", rsquared=r_squared, parameters=parameters, intercept=intercept, sd=deviation, noprint=True)
print(f"{result['sample_size']} patients, intercept {intercept}: from {result['int_lci']} to {result['int_uci']};"
      f" needed {needed}")
assert (result["sample_size"], needed) == (919, 3068)
assert result["int_lci"] > result["int_uci"]
assert upper(919) > 1.18
PYTHON
