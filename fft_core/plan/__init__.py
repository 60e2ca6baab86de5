"""The rebuilder: decides what is built and why, from values alone."""
