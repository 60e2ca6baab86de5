"""How many examples the sweeps try: few with `make test`, five times as many with `make sweep`, or FFT_SWEEP times."""

import os

FACTOR = int(os.environ.get("FFT_SWEEP", "1"))
FIRST_SEED = int(os.environ.get("FFT_SWEEP_SEED", "0"))  # another one tries other examples
