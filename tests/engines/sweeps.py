"""How many examples the sweeps try: few with `make test`, many with `make sweep`.

Without FFT_SWEEP_SEED they are the same ones each time: what a change breaks is found by that change, not by the next.
"""

import os

import pytest

FACTOR = int(os.environ.get("FFT_SWEEP", "1"))  # `make sweep` says 5
FIRST_SEED = int(os.environ.get("FFT_SWEEP_SEED", "0"))  # any but 0 tries other examples, of all property tests
only_in_sweeps = pytest.mark.skipif(FACTOR == 1, reason="takes minutes: FFT_SWEEP")


def examples(few: int, many: int) -> int:
    """How many are tried: few with `make test`, and many with `make sweep`, or so much more as FFT_SWEEP says."""
    return few if FACTOR == 1 else many * FACTOR // 5
