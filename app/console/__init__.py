"""The files of the page at `/console`; `app/routes/console.py` serves them."""
