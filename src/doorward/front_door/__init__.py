"""The HTTP edge for users. One check is one file; their order is one literal list in `door.py`."""
