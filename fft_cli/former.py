"""The command `flowforge`, an earlier name of FFT: it names the command to use."""

from __future__ import annotations

import shlex
import sys

from fft_cli.terminal import echo


def main() -> None:
    """Print the command that does the same, and exit with 2."""
    same = shlex.join(["fft", *sys.argv[1:]])
    echo(f"flowforge was renamed to fft: {same}", err=True)
    sys.exit(2)
