#!/usr/bin/env bash
# torchio 1.2.1: Resize with -1, "keep this dimension", keeps the first image's size for all images that follow.
#
# The transform writes the first image's size over the -1 in its own target shape, so that from the second image on nothing
# is kept. Its documentation: "The size of dimensions set to -1 will be kept."
#
# Seen: Resize((64, 64, -1)) on images of 64 x 64 x 30 and 64 x 64 x 50: both get 30 slices; alone the second keeps its 50.
# Expected: 30 and 50.
# Why it matters: slices are interpolated away or invented and spacings changed, without a word, and each worker of a data
# loader has met another first image, so that the same scan comes out differently from epoch to epoch.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 torch==2.15.0 torchio==1.2.1
venv/bin/python - <<'PYTHON'
import torch
import torchio

def scan(slices):
    return torchio.ScalarImage(tensor=torch.rand(1, 64, 64, slices))

resize = torchio.Resize((64, 64, -1))
shapes = [tuple(resize(scan(slices)).spatial_shape) for slices in (30, 50)]
alone = tuple(torchio.Resize((64, 64, -1))(scan(50)).spatial_shape)
print("one transform, two scans:", shapes, "- the second alone:", alone)
assert alone == (64, 64, 50)
assert shapes == [(64, 64, 30), (64, 64, 30)]
PYTHON
