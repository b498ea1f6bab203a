"""The record: a folder of numbers, which is all that pages need from the computations."""

from pneumo.base.estimate import Estimate
from pneumo.record.answers import Part
from pneumo.record.files import LackingError, Record, RecordError, check, copy, read, write
from pneumo.record.frames import Frame, frame

__all__ = [
    "Estimate",
    "Frame",
    "LackingError",
    "Part",
    "Record",
    "RecordError",
    "check",
    "copy",
    "frame",
    "read",
    "write",
]
