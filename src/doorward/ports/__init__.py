"""Protocols: what one part of the house asks of another. Six methods at most each; the docstring is the contract."""
