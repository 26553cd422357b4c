"""The Memory data plane at the agent door: its paths, its bodies, its checks, its answers."""
