"""What Quarto runs after it has rendered pages: beside all of them goes what a build leaves for programs."""

import os
from pathlib import Path

from pneumo.analysis import results
from pneumo.study import study

if os.environ.get("QUARTO_PROJECT_RENDER_ALL"):
    results.write(study.load(), Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"]), "quarto")
