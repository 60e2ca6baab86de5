"""`fft`: parse, call, print. Nothing here imports Dagster before a command needs it."""

from fft_dagster.cli.app import main

__all__ = ["main"]
