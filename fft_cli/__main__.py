"""`python -m fft_cli` is `fft`."""

from fft_cli.app import entry

entry()
