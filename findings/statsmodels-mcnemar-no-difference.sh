#!/usr/bin/env bash
# statsmodels 0.15.0: McNemar's chi-squared test with the continuity correction finds a difference where there is none.
#
# The correction takes 1 from the difference of the two discordant counts before it is squared, even if that difference
# is 0 already: 0 - 1 squared is 1. One patient each way gives p = 0.48 and not 1; and of two readers who never
# disagree, 1 is divided by 0 and p is 0.0, with NumPy's warning of a division alone.
#
# Seen: counts (1, 1): p = 0.4795; (5, 5): 0.7518; (0, 0): 0.0.
# Expected: p = 1 for equal counts (a correction towards 0 stops at 0), and 1 or NaN for none. The exact test gives 1.
# Why it matters: sensitivities of two networks on a few dozen positives have few discordant pairs, or none, and p = 0.0
# then says that two equal networks surely differ.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.15.0
venv/bin/python - <<'PYTHON'
import warnings

from statsmodels.stats.contingency_tables import mcnemar

warnings.simplefilter("ignore", RuntimeWarning)
seen = {}
for count in (0, 1, 5):
    table = [[50, count], [count, 50]]
    seen[count] = float(mcnemar(table, exact=False, correction=True).pvalue)
    exact = float(mcnemar(table, exact=True).pvalue)
    print(f"{count} and {count} discordant: corrected p = {seen[count]:.4f}, exact p = {exact:.4f}")
    assert exact == 1
assert seen[0] == 0
assert (round(seen[1], 4), round(seen[5], 4)) == (0.4795, 0.7518)
PYTHON
