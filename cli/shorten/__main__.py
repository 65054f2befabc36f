"""`python -m shorten` is `shorten`."""

from shorten.main import main

main()
