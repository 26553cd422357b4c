"""The HTTP API: one file per resource, each a function from ports to routes. Handlers run behind the door."""
