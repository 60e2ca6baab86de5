"""The functions that each engine brings with it, as tools/known_functions.py wrote them down."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from fft_core.functions import KnownFunctions

_SETS = (
    "steady", "changing", "bare", "syntax", "types", "changing_types", "columns", "clock_words", "date_words",
    "implicit",
)  # fmt: skip


def file_of(dialect: str) -> Path:
    """Give the file that holds what is known of a dialect's functions."""
    return Path(__file__).parent / dialect / "functions.json"


@cache
def known_functions(dialect: str) -> KnownFunctions:
    """Read what is known of a dialect's functions; no driver is needed."""
    said = json.loads(file_of(dialect).read_text(encoding="utf-8"))
    sets = {name: frozenset(said[name]) for name in _SETS}
    return KnownFunctions(
        **sets,
        rows=frozenset(said.get("rows", said["steady"])),  # one namespace: what is steady may stand for a table as well
        counts={name: frozenset(numbers) for name, numbers in said["counts"].items()},
        quoted_names_keep_case=said["quoted_names_keep_case"],
    )
