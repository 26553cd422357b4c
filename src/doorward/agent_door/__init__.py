"""Our own services knock here: `knock.py` is the caller's side, `guard.py` the other."""
