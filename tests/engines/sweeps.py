"""How many examples the sweeps try: few with `make test`, five times as many with `make sweep`, or FFT_SWEEP times.

Without FFT_SWEEP_SEED they are the same ones each time: what a change breaks is found by that change, not by the next.
"""

import os

FACTOR = int(os.environ.get("FFT_SWEEP", "1"))
FIRST_SEED = int(os.environ.get("FFT_SWEEP_SEED", "0"))  # any but 0 tries other examples, of all property tests
