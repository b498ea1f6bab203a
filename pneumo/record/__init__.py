"""The record: a folder of numbers, and all that passes from computing to presenting."""

from pneumo.record.answers import Estimate, Part
from pneumo.record.files import Record, RecordError, check, copy, read, write
from pneumo.record.frames import Frame, frame

__all__ = [
    "Estimate",
    "Frame",
    "Part",
    "Record",
    "RecordError",
    "check",
    "copy",
    "frame",
    "read",
    "write",
]
