"""Agents that come with Doorward. Each is a file that a worker loads; nothing imports them."""
