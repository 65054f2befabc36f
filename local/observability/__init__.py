"""`make observe`: the service with a Collector, Prometheus and a place for lines and spans."""
