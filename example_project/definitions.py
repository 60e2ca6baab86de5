"""The example project as a Dagster code location: `dagster dev` in the repository's root opens it."""

from pathlib import Path

from fft_dagster import build_definitions

defs = build_definitions(Path(__file__).parent)
