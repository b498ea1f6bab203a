"""What Quarto runs after it has rendered all pages: it adds the record, or a finished study's results."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report.engine import finish

if os.environ.get("QUARTO_PROJECT_RENDER_ALL"):
    site = Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    if record := finish.record():
        finish.copy_record(record, site)
    else:
        from pneumo.analysis import results
        from pneumo.study import study

        results.write(study.load(), site, "quarto")
