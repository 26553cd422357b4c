"""The attacker: it knows only what an outsider knows, and reports which attacks get through."""
