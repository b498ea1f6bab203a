#!/usr/bin/env bash
# ImageHash 4.3.2 (on Pillow 13.0.0) gives all 12-bit radiographs in 16-bit PNGs one and the same hash.
#
# Every hash first converts to mode L. From a 16-bit PNG (mode I;16) Pillow does that by clipping at 255, not by scaling,
# so an image whose values all lie above is white all over. Two unrelated pictures of noise are then duplicates in
# each of the hashes.
#
# Seen: both pictures have phash 8000000000000000, average_hash and dhash 0000000000000000: distance 0. Of the same
# pictures scaled to 8 bits the distances are those of strangers (about half of 64 bits).
# Expected: hashes of what is in the picture, or an error for a mode that cannot be hashed.
# Why it matters: perceptual hashes are how leaks between training and test images are looked for. On 12-bit exports
# everything is a leak; where only the lung is below 256, hashes see nothing but that.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pillow==13.0.0 imagehash==4.3.2
venv/bin/python - <<'PYTHON'
import io

import imagehash
import numpy as np
from PIL import Image

random = np.random.default_rng(0)
films = [random.integers(300, 4096, (64, 64), dtype=np.uint16) for _ in range(2)]


def through_png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Image.open(file)


for name in ("phash", "average_hash", "dhash"):
    compute = getattr(imagehash, name)
    deep = [compute(through_png(film)) for film in films]
    flat = [compute(through_png((film // 16).astype(np.uint8))) for film in films]
    print(name, "16 bits:", *deep, "distance", deep[0] - deep[1], "| 8 bits: distance", flat[0] - flat[1])
    assert deep[0] == deep[1]
    assert flat[0] - flat[1] > 15
PYTHON
