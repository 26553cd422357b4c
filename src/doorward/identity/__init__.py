"""Token verification, SigV4, turn tokens, keys. Pure where it can be."""
