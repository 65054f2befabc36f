"""Log lines to Loki: a bounded queue, one thread, batches that are acknowledged or counted."""
