"""Errors go from process to process: they say the same there."""

from __future__ import annotations

import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import fft_core.errors
from fft_core import CheckFailedError, FftError, ProjectError
from fft_core.build.judged_views import UnreadableViewError
from fft_core.checks.results import CheckResult, JudgedView
from fft_core.engines.spec.layout import LayoutError
from fft_core.errors import BusyError, Location, ModelError, Problem, SeedError, StatementError, StreamError
from fft_core.names.columns import AmbiguousColumnError
from fft_core.project.model import Check, Hook, NotNull
from fft_core.run.hooks import HookError

WHERE, HINT = Location(Path("models/a b.ff.sql"), 3), "Mend it."


def failed_checks(kind: type[CheckFailedError]) -> FftError:
    check = Check("not_null_id", "a", "not_null", NotNull("id"), WHERE)
    result = CheckResult(check, 1, 2, "select 1", ("id",), ((None,),))
    return kind("a", [result], published=True, views=[JudgedView("v", (result,), ("v",), ("w",))])


# For each constructor of its own, an error with something in each of its fields.
MADE: dict[type[FftError], Callable[..., FftError]] = {
    FftError: lambda kind: kind("no", where=WHERE, hint=HINT),
    ProjectError: lambda kind: kind([Problem("one", WHERE, HINT), Problem("two")]),
    SeedError: lambda kind: kind("no", line=3, setting="delimiter: ;", where=WHERE, hint=HINT),
    StreamError: lambda kind: kind("no", where=WHERE, hint=HINT, keys=("measures", "n")),
    StatementError: lambda kind: kind("no", sql="select 1", where=WHERE, hint=HINT, missing="x", position=7),
    AmbiguousColumnError: lambda kind: kind("id", ["ID", "Id"]),
    CheckFailedError: failed_checks,
    LayoutError: lambda kind: kind("cluster_by", "no", HINT, of="'a': ", where=WHERE),
    HookError: lambda kind: kind(Hook("after_model", "h", WHERE), ModelError("no", where=WHERE), HINT),
    UnreadableViewError: lambda kind: kind("a", "v", ModelError("no", where=WHERE), HINT),
}


def every_error(kind: type[FftError] = FftError) -> Iterator[type[FftError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from every_error(inner)


def by_name() -> list[type[FftError]]:
    """All classes of the tree, in whichever module of the core: a new one is tested without being named."""
    for module in pkgutil.walk_packages(fft_core.__path__, "fft_core."):
        importlib.import_module(module.name)
    return sorted({kind for kind in every_error() if kind.__module__.startswith("fft_core.")}, key=str)


def made(kind: type[FftError]) -> FftError:
    constructor = next(base for base in kind.__mro__ if "__init__" in vars(base))
    error = MADE[constructor](kind)
    error.add_note("Seen on Monday.")
    return error


def assert_alike(again: FftError, error: FftError) -> None:
    assert type(again) is type(error)
    assert again is not error
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert (again.exit_code, again.can_retry) == (error.exit_code, error.can_retry)


@pytest.mark.parametrize("kind", by_name())
def test_an_error_made_here_has_something_in_each_field(kind: type[FftError]) -> None:
    assert [name for name, value in vars(made(kind)).items() if value in (None, "", (), False)] == []
    assert MADE.keys() >= {base for base in kind.__mro__ if "__init__" in vars(base) and issubclass(base, FftError)}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", by_name())
def test_an_error_survives_pickling(kind: type[FftError], protocol: int) -> None:
    error = made(kind)
    assert_alike(pickle.loads(pickle.dumps(error, protocol)), error)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", by_name())
def test_an_error_survives_copying(kind: type[FftError], copied: Callable[[FftError], FftError]) -> None:
    error = made(kind)
    assert_alike(copied(error), error)


@pytest.mark.parametrize("kind", by_name())
def test_a_copy_is_masked_by_itself(kind: type[FftError]) -> None:
    error = made(kind)
    said = str(error)
    again = copy.copy(error)
    again.mask(lambda text: "***")
    assert str(again) == "***"
    assert str(error) == said


def raised(kind: type[FftError]) -> None:
    raise made(kind)


def test_an_error_survives_the_way_from_another_process() -> None:
    """Not forked: the other process imports what it needs, as that of another program does."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for kind, ended in [(kind, pool.submit(raised, kind)) for kind in by_name()]:
            error = ended.exception()
            assert isinstance(error, FftError)
            assert_alike(error, made(kind))


def test_every_kind_of_error_is_drawn_in_the_tree() -> None:
    drawn = inspect.getdoc(fft_core.errors) or ""
    ours = {kind.__name__ for kind in by_name() if kind.__module__ == "fft_core.errors"}
    assert BusyError.__name__ in ours
    assert {name for name in ours if name not in drawn} == set()
