"""The built-in functions of each engine, as tools/known_functions.py wrote them down."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import Any

from fft_core.engines.spec.registry import spec_of
from fft_core.names.functions import KnownFunctions

_NO_SETS = frozenset({"counts", "quoted_names_keep_case", "recursive_with_sees_all"})


@cache
def known_functions(engine: str) -> KnownFunctions:
    """Read the known functions of an engine; no driver is needed. Without a file, no function is steady."""
    path = spec_of(engine).functions
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path else {}  # Any: lists, a mapping, flags
    said.setdefault("rows", said.get("steady", ()))  # one namespace: a steady function can also be used as a table
    names = [field.name for field in fields(KnownFunctions) if field.name not in _NO_SETS]
    return KnownFunctions(
        **{name: frozenset(said.get(name, ())) for name in names},
        counts={name: frozenset(numbers) for name, numbers in said.get("counts", {}).items()},
        quoted_names_keep_case=bool(said.get("quoted_names_keep_case")),
        recursive_with_sees_all=bool(said.get("recursive_with_sees_all")),
    )


def known_bytes(engine: str) -> bytes:
    """Return the content of an engine's file of functions, to distinguish the file's versions."""
    path = spec_of(engine).functions
    return path.read_bytes() if path else b""
