"""What gunicorn runs: `gunicorn 'app.wsgi:app'`."""

import os

from app.config import Settings
from app.factory import create_app

app = create_app(Settings.from_env(os.environ))
