"""Hosts agents in worker processes that serve the AgentCore container contract."""
