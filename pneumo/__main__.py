"""`python -m pneumo` is `pneumo`."""

import sys

from pneumo.cli import main

sys.exit(main())
