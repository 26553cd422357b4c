"""The SQLite engine: one file per port, one writer thread per database, WAL."""
