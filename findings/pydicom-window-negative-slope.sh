#!/usr/bin/env bash
# pydicom 3.0.2 shows an image with a negative Rescale Slope as its negative once it is windowed.
#
# Slope -1 and intercept 4095 are one way to store a radiograph upside down. apply_rescale undoes it: 0 becomes 4095.
# The linear window (centre 2048, width 4096) over all values should then change nothing, but apply_windowing takes the
# image of the smallest stored value as the smallest output, and with a negative slope that is the largest: it
# gives small grey for large values.
#
# Seen: stored [0, 1000, 4095] is [4095, 3095, 0] rescaled and [0, 1000, 4095] windowed.
# Expected: [4095, 3095, 0] windowed, too: a window of positive width never reverses the order (DICOM part 3, C.11.2.1.2).
# Why it matters: lungs turn white and consolidations black, although each of the two functions was called as documented.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pydicom==3.0.2
venv/bin/python - <<'PYTHON'
import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale, apply_windowing

data = Dataset()
data.PhotometricInterpretation = "MONOCHROME2"
data.PixelRepresentation, data.BitsAllocated, data.BitsStored = 0, 16, 12
data.RescaleSlope, data.RescaleIntercept = -1, 4095
data.WindowCenter, data.WindowWidth = 2048, 4096

rescaled = apply_rescale(np.array([0, 1000, 4095], dtype=np.uint16), data)
windowed = apply_windowing(rescaled, data)
print("rescaled:", rescaled.tolist())
print("windowed:", windowed.round().tolist())
assert rescaled.tolist() == [4095, 3095, 0]
assert windowed.round().tolist() == [0, 1000, 4095]
PYTHON
