"""Import what jobs need in the fork server, once for all workers."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no thread survives a fork

from pneumo.study import corruptions as corruptions
from pneumo.training import grad_cam as grad_cam
from pneumo.training import saliency as saliency
from pneumo.training import train as train
from pneumo.training import weights as weights
