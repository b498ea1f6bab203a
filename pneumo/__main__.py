"""`python -m pneumo` is `pneumo`."""

import sys

from pneumo.commands.main import main

sys.exit(main())
