"""The worker program: hosts one agent file behind the AgentCore container contract. Started by `doorward.runtime`."""
