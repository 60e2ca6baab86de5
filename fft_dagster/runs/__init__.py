"""Runs that the command line starts, follows and keeps the history of."""
