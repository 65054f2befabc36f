"""Real servers, services and faults for the tests; never imports the application."""
