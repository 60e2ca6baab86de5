"""`python -m fft_dagster.cli` is `fft`."""

from fft_dagster.cli.app import entry

entry()
