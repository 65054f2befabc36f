"""`python -m local.observability` is `make observe`."""

import os
import sys

from local.observability.run import ObservedRun
from local.run import main

sys.exit(main(os.environ, ObservedRun))
