"""One run: decide, build, tell."""
