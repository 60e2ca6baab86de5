"""The command line `fft`: it parses, calls, prints. Dagster is imported only if a command needs it."""

from fft_cli.app import entry, main

__all__ = ["entry", "main"]
