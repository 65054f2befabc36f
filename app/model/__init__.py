"""What the service is about: frozen values and errors; no Flask, no drivers."""
