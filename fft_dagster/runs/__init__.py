"""Runs that the command line starts and follows, and their history."""
