#!/usr/bin/env bash
# dcurves 1.1.7 takes the chance of surviving for the risk when it makes risks from a marker itself.
#
# With models_to_prob and a time, dca() fits Cox's model and uses its survival function at that time as the model's
# risk, without taking it from 1. The patients least at risk then are the first to be treated.
#
# Seen: a marker that truly drives the hazard has net benefit -0.110 at threshold 0.5, below treating none (0) and all
# (0.264). The same Cox model's 1 - S(t), given as a column, has 0.379.
# Expected: 0.379.
# Why it matters: decision curves decide between imaging markers, and a good marker is judged worse than none. With a
# binary outcome the same argument gives true risks, so a reader has no reason to doubt.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==2.3.3 lifelines==0.30.3 dcurves==1.1.7
venv/bin/python - <<'PYTHON'
import warnings

import numpy as np
import pandas as pd
from dcurves import dca
from lifelines import CoxPHFitter

warnings.simplefilter("ignore")
random = np.random.default_rng(0)
marker = random.normal(size=400)
event, end = random.exponential(np.exp(-marker)), random.exponential(2, 400)
patients = pd.DataFrame({"marker": marker, "time": np.minimum(event, end), "event": event <= end})
cox = CoxPHFitter().fit(patients, "time", "event")
patients["risk"] = 1 - cox.predict_survival_function(patients, times=[1.0]).iloc[0].to_numpy()


def net_benefit(name, **more):
    curve = dca(patients, "event", [name], thresholds=[0.5], time=1.0, time_to_outcome_col="time", **more)
    return curve.set_index("model")["net_benefit"][[name, "all"]].tolist()


made, everyone = net_benefit("marker", models_to_prob=["marker"])
given, _ = net_benefit("risk")
print(f"net benefit at 0.5: made by dcurves {made:.3f}, given {given:.3f}, treat all {everyone:.3f}, none 0")
assert made < 0 < everyone < given
PYTHON
