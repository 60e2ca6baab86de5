"""The claims of an engine, level by level: a test fails if the claim is wrong, in either direction."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias

import pytest

from fft_core.errors import FftError

if TYPE_CHECKING:
    from fft_core.engines.spec import Support

_P = ParamSpec("_P")

LEVELS: Mapping[str, str] = {
    "reads": "Queries, columns, names and values come back as they are",
    "builds": "Seeds, tables, views and Python models are built, skipped and replaced",
    "checks": "Rows that fail a check are never published",
    "incremental": "Increments are appended, merged, replaced and overwritten",
    "snapshot": "Snapshots keep the versions of rows",
    "concurrent": "Threads build beside each other; readers see old rows or new ones; statements are interrupted",
    "frames": "Frames come back as they went, with their types",
}
"""The levels of the contract of engines, with the behavior that each of them tests."""


_Test: TypeAlias = Callable[Concatenate[Any, _P], None]  # Any: the class of the author


def level(name: str) -> Callable[[_Test[_P]], _Test[_P]]:
    """Mark a test of the contract with its level. It is expected to fail if the engine claims `No` for the level."""

    def marked(test: _Test[_P]) -> _Test[_P]:
        def tried(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
            expect(self.levels[name], f"the level {name!r}", lambda: test(self, *args, **kwargs))

        functools.update_wrapper(tried, test)
        return tried

    return marked


def expect(claim: Support, what: str, test: Callable[[], object]) -> None:
    """Run a test and compare its result with a claim: for `No` it must fail, by an error of FFT or by other rows."""
    if claim:
        test()
        return
    try:
        test()
    except (FftError, AssertionError):
        pytest.xfail(str(claim))
    pytest.fail(f"{what} is claimed as {str(claim)!r}, but it works: claim it as Full() or Emulated(...)")
