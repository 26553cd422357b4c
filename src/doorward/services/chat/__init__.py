"""Turns: the only service with a way to the agent."""
