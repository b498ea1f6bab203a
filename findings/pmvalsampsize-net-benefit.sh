#!/usr/bin/env bash
# pmvalsampsize 0.2.1: the net benefit has no false positives in it, and the F1 score's sample size ignores the width asked for.
#
# Sample size for validating a prediction model (Riley et al. 2021), by the authors of the R package of that name. The
# formula of the net benefit is broken over two lines without brackets, so Python takes its second line, the false
# positives' weight, for a statement of its own. The search for the F1 score's size compares with 0.0255, the standard error
# of the default width 0.1, and not with that of f1ciwidth.
#
# Seen: sensitivity 0.758, specificity 0.662, threshold 0.4, prevalence 0.43: standardised net benefit 0.758, the
# sensitivity. f1ciwidth 0.1 and 0.05 need 662 patients each, and the table says that each width is reached.
# Expected: 0.758 - 0.338 x 0.57 / 0.43 x 0.4 / 0.6 = 0.459; four times as many patients for half the width.
# Why it matters: a protocol cites the expected net benefit and the size per measure. The first is too good by two thirds,
# the second too small by a factor of four.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==2.3.3 \
  matplotlib==3.10.8 tabulate==0.9.0 pmvalsampsize==0.2.1
venv/bin/python - <<'PYTHON'
from pmvalsampsize.pmvalsampsize import pmvalsampsize

model = dict(type="b", prevalence=0.43, cstatistic=0.8, lpbeta=(1.33, 1.75), threshold=0.4, simobs=100_000, noprint=True)

wide, narrow = (pmvalsampsize(**model, f1ciwidth=width) for width in (0.1, 0.05))
odds = 0.4 / 0.6
expected = wide["sensitivity"] - (1 - wide["specificity"]) * 0.57 / 0.43 * odds
print(f"sensitivity {wide['sensitivity']:.3f}, specificity {wide['specificity']:.3f}:"
      f" standardised net benefit {wide['standardised_nb']:.3f}, expected {expected:.3f}")
assert wide["standardised_nb"] == wide["sensitivity"]
assert expected < 0.5

sizes = [next(row for row in result["additional_results"] if row[0] == "F1-score") for result in (wide, narrow)]
for _, size, score, error, width in sizes:
    print(f"F1 {score:.3f} within {width} (standard error {error}): {size} patients")
assert sizes[0][1] == sizes[1][1]
assert sizes[0][4] == 2 * sizes[1][4]
PYTHON
