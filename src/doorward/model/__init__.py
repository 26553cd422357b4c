"""Frozen plain data. Nothing here does anything that needs anything else."""
