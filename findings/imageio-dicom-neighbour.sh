#!/usr/bin/env bash
# imageio 2.38.1 answers for one radiograph with the pixels of another one in the folder, or in a folder below.
#
# imageio.v3.imread("b.dcm") looks through the whole folder of the file for series and, if it finds more than one,
# returns the first series, whichever file was named. Two chest films of two patients in one folder are two series, so
# every name gives the same picture. imageio.v2.imread on the same names is right.
#
# Seen: a.dcm holds 11, b.dcm holds 22; v3 gives 11 for both (or 22, as the identifiers sort), v2 gives 11 and 22.
# Expected: the pixels of the named file.
# Why it matters: chest radiographs are one-image series and lie in one folder by the thousand. Each label is then paired
# with one and the same image; the shape is right and nothing is raised.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pydicom==3.0.2 imageio==2.38.1
venv/bin/python - <<'PYTHON'
import contextlib
import io
import os

import imageio.v2
import imageio.v3
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

def write(path, pixels, *, bits=12, photometric="MONOCHROME2", **more):
    """A computed-radiography object with these grey values, explicit little-endian."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = ComputedRadiographyImageStorage
    data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = (
        generate_uid(), generate_uid(), generate_uid())
    data.Modality, data.PatientID, data.PatientName, data.InstanceNumber = "CR", "1", "Phantom", 1
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, photometric
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, bits, bits - 1, 0
    for keyword, value in more.items():
        setattr(data, keyword, value)
    data.PixelData = pixels.astype("<u2").tobytes()
    data["PixelData"].VR = "OW"
    data.save_as(path, enforce_file_format=True)

os.mkdir("films")
write("films/a.dcm", np.full((2, 2), 11))
write("films/b.dcm", np.full((2, 2), 22))
seen = {}
for version, imread in (("v3", imageio.v3.imread), ("v2", imageio.v2.imread)):
    with contextlib.redirect_stdout(io.StringIO()):  # a progress bar
        seen[version] = [int(imread(f"films/{name}.dcm")[0, 0]) for name in "ab"]
print(seen)
assert seen["v2"] == [11, 22]
assert seen["v3"] in ([11, 11], [22, 22])  # which is first depends on the random identifiers
PYTHON
