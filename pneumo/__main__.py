"""`python -m pneumo` is `pneumo`."""

import sys

from pneumo.commands.cli import main

sys.exit(main())
