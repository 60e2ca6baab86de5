"""The code location of `fft dev`: the project that the environment variable FFT_PROJECT_DIR names."""

import os

from fft_dagster.definitions import build_definitions

defs = build_definitions(os.environ["FFT_PROJECT_DIR"])
