"""What Quarto runs after it has rendered all pages: it adds the record that they were drawn from."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pneumo.record import finding
from report.engine import finish

if os.environ.get("QUARTO_PROJECT_RENDER_ALL"):
    site = Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    finish.copy_record(finding.folder(), site)
    finish.remove_stale(Path(__file__).parent, site)
