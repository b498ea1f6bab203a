#!/usr/bin/env bash
# Pillow 13.0.0: a 16-bit grey image that is rotated or warped with interpolation keeps nothing of its grey values.
#
# rotate and transform with BILINEAR or BICUBIC work on the bytes of mode "I;16" as if each were a pixel, and write one byte.
# Image.composite and paste with a mask change only the left half, as it has as many bytes as the image has pixels.
# NEAREST is right, and so are resize with each filter and modes "I" and "F". The first is known since 2015 (Pillow issue
# 1127, closed), but since 10.3 a 16-bit PNG is opened as "I;16" and no more as "I".
#
# Seen: an image that is 3000 everywhere is 11 to 183 inside after a bilinear rotation by 10 degrees, in stripes. Composed of
# 3000 where the mask is 255, which is everywhere, and 1000: 1000 in the right half.
# Expected: 3000 everywhere, as from the same image in mode "F", or an error, as blurs and Image.reduce raise for this mode.
# Why it matters: 12-bit radiographs are kept in 16-bit PNGs, and rotations by some degrees are the most usual augmentation;
# torchvision's transforms on PIL images go this way, too. The network is trained on stripes, tested on films.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pillow==13.0.0
venv/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

Image.fromarray(np.full((64, 64), 3000, dtype=np.uint16)).save("film.png")
film = Image.open("film.png")
assert film.mode == "I;16"
shear = {"size": (64, 64), "method": Image.Transform.AFFINE, "data": (1, 0.1, 0, 0, 1, 0)}

def inside(image):
    pixels = np.asarray(image)[24:40, 24:40]
    return float(pixels.min()), float(pixels.max())

for resample in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
    turned, warped = inside(film.rotate(10, resample)), inside(film.transform(**shear, resample=resample))
    reference = inside(film.convert("F").rotate(10, resample))
    print(f"{resample.name}: rotated {turned}, sheared {warped}, as floats {reference}")
    assert np.allclose(reference, 3000)
    if resample is Image.Resampling.NEAREST:
        assert turned == warped == (3000, 3000)
    else:
        assert max(turned + warped) < 256

other, everywhere = Image.fromarray(np.full((64, 64), 1000, dtype=np.uint16)), Image.new("L", (64, 64), 255)
composed = np.asarray(Image.composite(film, other, everywhere))
print("composed: left half", np.unique(composed[:, :32]), "right half", np.unique(composed[:, 32:]))
assert (composed[:, :32] == 3000).all()
assert (composed[:, 32:] == 1000).all()
PYTHON
