"""One run: decide, build, report."""
