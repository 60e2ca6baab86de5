"""Models on given rows."""
