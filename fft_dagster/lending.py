"""Steps of others may open the file of an embedded database by themselves: it is closed for them, where it is idle."""

from __future__ import annotations

import sys

from fft_core.engines.lending import LENDS_AFTER_TURNS

NODE_TAG = "fft/node"  # what our own steps are tagged with


def lend_databases() -> None:
    """Close what this process has open and does not use just now. What no engine has loaded is not open."""
    module = sys.modules.get("fft_core.engines.duckdb_file")
    if module is not None:
        module.lend_files()


def keep_databases() -> None:
    """In this context, close nothing when a turn ends: steps run beside each other."""
    LENDS_AFTER_TURNS.set(False)
