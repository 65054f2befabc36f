"""An application that never comes up where nobody has tried before; the next time it does."""

import os
import time
from pathlib import Path

from flask import Flask

_mark = Path(os.environ["STARTED"])
if not _mark.exists():
    _mark.write_text(str(os.getpid()))
    time.sleep(3600)

app = Flask(__name__)


@app.get("/")
def served() -> str:
    """Answer."""
    return "served"
