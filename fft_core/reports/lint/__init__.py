"""Lint: mistakes and oddities of a project that its files show; no database is opened."""
