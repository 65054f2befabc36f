"""The shortener's command line: it speaks HTTP and knows nothing of the service's code."""
