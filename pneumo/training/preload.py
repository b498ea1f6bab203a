"""Imports what jobs need, in the fork server that starts workers: once for all of them."""

import os
from importlib import import_module

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no thread survives a fork
for name in ("corruptions", "explain", "pretrained", "saliency", "train"):
    import_module(f"pneumo.{name}")
