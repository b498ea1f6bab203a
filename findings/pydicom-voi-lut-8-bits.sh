#!/usr/bin/env bash
# pydicom 3.0.2 cannot apply a VOI table from 12-bit pixels to 8-bit grey values.
#
# A VOI LUT of 4096 entries of 8 bits. Part 3 of the DICOM standard (C.11.2.1.1) has such entries stored in 8 bits each,
# two in a word: apply_voi_lut raises struct.error, as it always asks for two bytes an entry. The same section notes
# that some writers spend 16 bits on each of these entries: with that, the pixel values are first put into 8 bits, so all
# from 256 on wrap around and take the grey of another value. No error, no warning.
#
# Seen: packed: "unpack_from requires a buffer of at least 8192 bytes"; in words: pixels [0, 255, 256, 1000, 4095] become
# [0, 15, 0, 14, 15].
# Expected: [0, 15, 16, 62, 255] both times.
# Why it matters: tables to 8 bits are for printers and plain screens, and a chest film through the wrapped table has the
# contours of a map, in the range that a network expects.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pydicom==3.0.2
venv/bin/python - <<'PYTHON'
import struct

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_voi_lut

table = (np.arange(4096) // 16).astype(np.uint8)
pixels = np.array([0, 255, 256, 1000, 4095], dtype=np.uint16)


def image(words):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 8])
    item.add_new("LUTData", "OW", words)
    data = Dataset()
    data.set_original_encoding(is_implicit_vr=False, is_little_endian=True)
    data.PixelRepresentation, data.BitsAllocated, data.BitsStored = 0, 16, 12
    data.VOILUTSequence = [item]
    return data


print("right:   ", table[pixels].tolist())
try:
    print("packed:  ", apply_voi_lut(pixels, image(table.tobytes())).tolist())
    raise SystemExit("packed entries are read now")
except struct.error as error:
    print("packed:  ", error)
in_words = apply_voi_lut(pixels, image(table.astype("<u2").tobytes())).tolist()
print("in words:", in_words)
assert in_words == [0, 15, 0, 14, 15]
PYTHON
