"""Doorward: the architecture around an AI agent. Four doors, each with its own key."""

__version__ = "0.1.0"
