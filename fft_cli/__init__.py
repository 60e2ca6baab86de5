"""`fft`: parse, call, print. Nothing here imports Dagster before a command needs it."""

from fft_cli.app import entry, main

__all__ = ["entry", "main"]
