"""One file, one class, one attack. `catalogue` finds them; a new attack is a new file."""
