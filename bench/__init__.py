"""What the service costs, measured: `make bench`, `make growth`, `make bench-load`."""
