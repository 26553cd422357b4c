"""Logs, metrics and traces. None of them ever holds a token or a message's text."""
