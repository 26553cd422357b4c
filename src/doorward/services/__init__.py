"""The rules of the application. No HTTP client, no SDK."""
