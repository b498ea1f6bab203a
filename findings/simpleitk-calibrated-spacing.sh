#!/usr/bin/env bash
# SimpleITK 2.5.7 takes no notice of the calibrated pixel spacing of a radiograph.
#
# A computed radiograph may have two spacings: Imager Pixel Spacing at the detector, and Pixel Spacing, which is
# calibrated to the patient (the magnification is taken out). SimpleITK's GetSpacing() gives the detector's if both are
# there, and 1.0 if there is only the calibrated one; in a secondary capture it does read the same element.
#
# Seen: both (detector 0.2, patient 0.1): 0.2. Patient's alone: 1.0.
# Expected: 0.1 each time; an invented 1.0 mm with no warning least of all.
# Why it matters: what is measured in mm on a chest film (heart to thorax, a nodule) comes out of the magnified plane, or
# ten times too large; resampling to a common spacing makes images of wrong size for training.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pydicom==3.0.2 SimpleITK==2.5.7
venv/bin/python - <<'PYTHON'
import numpy as np
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

seen = []
for more in ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.2, 0.2]}, {"PixelSpacing": [0.1, 0.1]}):
    write("chest.dcm", np.zeros((4, 4)), **more)
    seen.append(sitk.ReadImage("chest.dcm").GetSpacing()[:2])
    print(more, "->", seen[-1])
assert seen == [(0.2, 0.2), (1.0, 1.0)]
PYTHON
