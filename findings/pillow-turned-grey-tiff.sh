#!/usr/bin/env bash
# Pillow 13.0.0 shows a turned grey TIFF scrambled if it is opened by its name.
#
# A TIFF of 8-bit grey, uncompressed, in one strip, is not square and has Orientation 6 (turn by 90 degrees clockwise).
# The same bytes give two pictures: from memory the turned one, from the file's name one whose pixels are all there
# but in other places. No error, no warning.
#
# Seen: by name [[40, 20, 0], [50, 30, 10]]; from memory [[30, 0], [40, 10], [50, 20]].
# Expected: the second both times. Even the shape differs: 2 x 3 stays 2 x 3 by name.
# Why it matters: film digitizers and scanners write such files, and a data set is read by file name. A network trained
# on the scramble raises no alarm, and a test that reads from memory passes.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pillow==13.0.0
venv/bin/python - <<'PYTHON'
import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

pixels = np.arange(0, 60, 10, dtype=np.uint8).reshape(2, 3)
height, width = pixels.shape
entries = [  # tag, type (3: 16 bits, 4: 32 bits), value, in the order of tags
    (256, 3, width), (257, 3, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8 + 2 + 10 * 12 + 4),
    (274, 3, 6), (277, 3, 1), (278, 3, height), (279, 4, pixels.size),
]
tiff = b"II*\0" + struct.pack("<IH", 8, len(entries))
tiff += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
tiff += struct.pack("<I", 0) + pixels.tobytes()
Path("film.tif").write_bytes(tiff)

turned = np.rot90(pixels, -1)
by_name = np.array(Image.open("film.tif"))
from_memory = np.array(Image.open(io.BytesIO(tiff)))
print("stored:     ", pixels.tolist())
print("by name:    ", by_name.tolist())
print("from memory:", from_memory.tolist())
assert np.array_equal(from_memory, turned)
assert by_name.tolist() == [[40, 20, 0], [50, 30, 10]]
PYTHON
