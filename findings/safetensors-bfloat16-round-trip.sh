#!/usr/bin/env bash
# safetensors 0.8.0: its NumPy half writes bfloat16 weights that it cannot read again.
#
# safetensors.numpy.save takes arrays of ml_dtypes' bfloat16, which is what NumPy arrays of that kind are, and writes
# the format's BF16. safetensors.numpy.load then fails on the file with a bare KeyError, also with ml_dtypes imported.
#
# Seen: save returns a file with BF16 in its header; load raises KeyError: 'BF16'.
# Expected: the array back; or an error from save, before the weights are written.
# Why it matters: networks trained in mixed precision are kept in bfloat16. Who checks only that the weights were saved
# learns at the time of the evaluation, where there is NumPy alone, that they cannot be opened there.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0 safetensors==0.8.0
venv/bin/python - <<'PYTHON'
import ml_dtypes
import numpy as np
from safetensors.numpy import load, save

saved = save({"weight": np.ones(3, dtype=ml_dtypes.bfloat16)})
print("saved", len(saved), "bytes:", saved[8:].split(b"}")[0].decode())
try:
    print("loaded", load(saved))
    raise SystemExit("bfloat16 is read now")
except KeyError as error:
    print("load raises KeyError:", error)
    assert str(error) == "'BF16'"
PYTHON
