"""Errors go from process to process: they say the same there."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import fft_core.errors
from fft_core import CheckFailedError, CheckResult, FftError, ProjectError
from fft_core.errors import BusyError, Location, Problem, StatementError
from fft_core.project.model import Check, NotNull


def every_error(kind: type[FftError] = FftError) -> Iterator[type[FftError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from every_error(inner)


def made(kind: type[FftError]) -> FftError:
    where, hint = Location(Path("models/a b.ff.sql"), 3), "Mend it."
    if issubclass(kind, StatementError):
        return kind("no", sql="select 1", where=where, hint=hint, missing="x", position=7)
    if issubclass(kind, ProjectError):
        return kind([Problem("one", where, hint), Problem("two")])
    error: FftError
    if issubclass(kind, CheckFailedError):
        check = Check("not_null_id", "a", "not_null", NotNull("id"), where)
        error = kind("a", [CheckResult(check, 1, 2, "select 1", ("id",), ((None,),))], published=True)
    elif kind.__init__ is FftError.__init__:
        error = kind("no", where=where, hint=hint)
    else:  # its constructor takes something else
        error = kind.__new__(kind)
        error.problem = Problem("no", where, hint)
        error.args = (str(error.problem),)
    return error


def by_name() -> list[type[FftError]]:
    return sorted(set(every_error()), key=str)


@pytest.mark.parametrize("kind", by_name())
def test_an_error_survives_pickling(kind: type[FftError]) -> None:
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert (again.exit_code, again.can_retry) == (error.exit_code, error.can_retry)


def test_every_kind_of_error_is_drawn_in_the_tree() -> None:
    drawn = fft_core.errors.__doc__ or ""
    ours = {kind.__name__ for kind in every_error() if kind.__module__ == "fft_core.errors"}
    assert BusyError.__name__ in ours
    assert {name for name in ours if name not in drawn} == set()
