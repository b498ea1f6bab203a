"""Import what jobs need in the fork server, once for all workers."""

import ctypes
import os
from contextlib import suppress

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no thread survives a fork
with suppress(AttributeError):  # another C library than glibc's
    # Keep freed memory for the next batch: to get it back from the system costs a page fault every 4 KiB.
    _M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
    ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    ctypes.CDLL(None).mallopt(_M_MMAP_MAX, 0)

from pneumo.study import corruptions as corruptions
from pneumo.training import grad_cam as grad_cam
from pneumo.training import saliency as saliency
from pneumo.training import train as train
from pneumo.training import weights as weights
