"""Where associations are kept: the Protocol, ``databases`` over SQLite, and memory for tests."""
