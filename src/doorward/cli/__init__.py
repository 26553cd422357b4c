"""The command line. Thin."""
