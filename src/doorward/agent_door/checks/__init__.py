"""The checks of the agent door: one file each. Their order stands in `agent_door.guard`."""
