"""The plumbing of HTTP that every edge shares: request, response, routes, paths. No rule of any door lives here."""
