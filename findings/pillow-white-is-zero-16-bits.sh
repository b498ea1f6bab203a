#!/usr/bin/env bash
# Pillow 13.0.0 turns 8-bit "white is zero" TIFFs to black-is-zero, but not those of 16 bits.
#
# PhotometricInterpretation 0 says that the smallest value is white. Pillow has no mode for that and inverts the values
# when it reads 8 bits. With 16 bits a pixel it hands out the values as stored, in mode I;16, where small is black.
#
# Seen: stored [0, 100, 200] is read as [255, 155, 55] at 8 bits and as [0, 100, 200] at 16 bits.
# Expected: the same meaning at each depth: [65535, 65435, 65335] at 16 bits.
# Why it matters: radiographs come as 16-bit TIFFs, and "white is zero" is how film looks. Of one export in two depths,
# half of the chests would be negatives, with nothing left in the image to tell.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pillow==13.0.0
venv/bin/python - <<'PYTHON'
import io
import struct

import numpy as np
from PIL import Image


def tiff(pixels, photometric):
    height, width = pixels.shape
    bits = 8 * pixels.itemsize
    entries = [  # tag, type (3: 16 bits, 4: 32 bits), value, in the order of tags
        (256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric),
        (273, 4, 8 + 2 + 9 * 12 + 4), (277, 3, 1), (278, 3, height), (279, 4, pixels.nbytes),
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return io.BytesIO(head + struct.pack("<I", 0) + pixels.tobytes())


stored = [[0, 100, 200]]
seen = {}
for kind in ("u1", "<u2"):
    image = Image.open(tiff(np.array(stored, dtype=kind), photometric=0))
    seen[image.mode] = np.array(image).tolist()
    print(image.mode, seen[image.mode])
assert seen == {"L": [[255, 155, 55]], "I;16": [[0, 100, 200]]}
PYTHON
