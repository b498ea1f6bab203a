"""What Quarto runs after it has rendered all pages: it adds what a site has beside them."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def add() -> None:
    """The record, pictures, Markdown and notebooks; needs the packages of the dependency group `pages`."""
    from pneumo.record import finding
    from report.engine import finish
    from report.engine.cache import Cache

    project, site = Path(__file__).parent, Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    finish.add(finding.folder(), project, site, Cache())
    finish.remove_stale(project, site)


# Once the pages are there; a call for the PDF alone finds them as an earlier one has left them.
pages = re.search(r"\.html$", os.environ.get("QUARTO_PROJECT_OUTPUT_FILES", ""), re.MULTILINE)
if pages and os.environ.get("QUARTO_PROJECT_RENDER_ALL"):
    try:
        add()
    except Exception as error:
        # The pages are finished and stay; `python -m report.engine.check` lists what they lack.
        print(
            f"after.py: the pages lack what lies beside them: {type(error).__name__}: {error}",
            file=sys.stderr,
        )
