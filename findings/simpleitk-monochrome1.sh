#!/usr/bin/env bash
# SimpleITK 2.5.7 inverts MONOCHROME1 radiographs when it reads them, and still calls them MONOCHROME1.
#
# A computed radiograph of 12 bits whose smallest value is white. The array that comes back is 4095 less the stored
# values; the image's own dictionary says MONOCHROME1 in 0028|0004 as before. A rescale is applied after the inversion:
# with an intercept of -1000 the stored 0 becomes 3095, where the standard's modality transform gives -1000.
#
# Seen: stored [0, 800, 4000] is [4095, 3295, 95]; with intercept -1000 [3095, 2295, -905].
# Expected: stored values (what pydicom gives), rescaled to [-1000, -200, 3000]; or a dictionary that says MONOCHROME2.
# Why it matters: the usual line "if MONOCHROME1, invert" is right after one reader and undoes itself after the other.
# Chest images of two readers in one study are then negatives of one another.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pydicom==3.0.2 SimpleITK==2.5.7
venv/bin/python - <<'PYTHON'
import numpy as np
import pydicom
import SimpleITK as sitk
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

stored = np.array([[0, 800, 4000]])
seen = []
for more in ({}, {"RescaleSlope": 1, "RescaleIntercept": -1000}):
    write("chest.dcm", stored, photometric="MONOCHROME1", **more)
    image = sitk.ReadImage("chest.dcm")
    seen.append(sitk.GetArrayFromImage(image)[0].tolist())
    name = image.GetMetaData("0028|0004").strip()
    print(more, "SimpleITK", seen[-1], name, "| pydicom", pydicom.dcmread("chest.dcm").pixel_array.tolist())
    assert name == "MONOCHROME1"
    assert np.array_equal(pydicom.dcmread("chest.dcm").pixel_array, stored)
assert seen == [[[4095, 3295, 95]], [[3095, 2295, -905]]]
PYTHON
