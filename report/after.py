"""What Quarto runs after it has rendered all pages: it adds what a site has beside them."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pneumo.record import finding
from report.engine import finish
from report.engine.cache import Cache

if os.environ.get("QUARTO_PROJECT_RENDER_ALL"):
    project, site = Path(__file__).parent, Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    finish.add(finding.folder(), project, site, Cache())
    finish.remove_stale(project, site)
