#!/usr/bin/env bash
# safetensors 0.8.0 writes a transposed NumPy array in the order of its memory: other values are read again.
#
# safetensors.numpy.save and save_file hand over the address of the first value and the shape, and no strides. A transposed
# or Fortran-ordered array comes back with the right shape and its values in other places; a slice with values that were left
# out. safetensors 0.7.0 copied such arrays first, and safetensors.torch refuses them. Known: issue 825 of its project, open.
#
# Seen: [[0, 3], [1, 4], [2, 5]], a transposed [[0, 1, 2], [3, 4, 5]], is read as [[0, 1], [2, 3], [4, 5]].
# Expected: the same values, or an error. The documentation asks for "contiguous and dense", which Fortran order is.
# Why it matters: weights from .T or from scikit-learn (its PCA), and volumes read from NIfTI or MATLAB files, whose first
# axis varies fastest, are scrambled on disk; shapes and checksums are in order.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 safetensors==0.8.0
venv/bin/python - <<'PYTHON'
import numpy as np
from safetensors.numpy import load_file, save_file

rows = np.arange(6, dtype=np.float32).reshape(2, 3)
arrays = {"rows": rows, "transposed": rows.T, "Fortran": np.asfortranarray(rows), "slice": rows[:, ::2]}
save_file(arrays, "arrays.safetensors")
read = load_file("arrays.safetensors")
for name, array in arrays.items():
    print(f"{name}: {array.tolist()} is read as {read[name].tolist()}")
    assert read[name].shape == array.shape
    assert np.array_equal(read[name], array) == (name == "rows")
assert arrays["Fortran"].flags.f_contiguous
assert np.array_equal(read["transposed"].ravel(), rows.ravel())
PYTHON
