"""`python -m local` is `make run`."""

import os
import sys

from local.run import main

sys.exit(main(os.environ))
