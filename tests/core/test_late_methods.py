"""Frozen dataclasses whose methods are compiled late are those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any, ClassVar

import pytest

from fft_core.project.model import checks, materialization, nodes, project, rules
from fft_core.values import dataclass


@dataclass(frozen=True)
class Point:
    """A point."""

    zero: ClassVar[int] = 0
    x: int
    y: int = 0
    names: tuple[str, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def total(self) -> int:
        return self.x + self.y


@dataclass(frozen=True)
class Place(Point):
    """A point with a height."""

    height: int = 5

    def __post_init__(self) -> None:
        if self.height < 0:
            raise ValueError("below")


@dataclass(frozen=True)
class Own:
    """A class with methods of its own."""

    x: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    def __repr__(self) -> str:
        return "own"


@dataclass(frozen=True, kw_only=True)
class Named:
    """A class whose fields are named."""

    x: int
    y: int = 1


def test_values_are_made_compared_and_shown() -> None:
    point = Point(1, names=("a",))
    assert (point.x, point.y, point.names, point.kept, point.total) == (1, 0, ("a",), {}, 1)
    assert repr(point) == "Point(x=1, y=0, names=('a',))"
    assert point == Point(1, 0, ("a",), {"not": 1})
    assert point != Point(2)
    assert len({point, Point(1, 0, ("a",)), Point(2)}) == 2
    assert Place(1, height=2) != Point(1)
    assert repr(Place(1)) == "Place(x=1, y=0, names=(), height=5)"
    assert dataclasses.replace(Place(1), x=3) == Place(3)
    match point:
        case Point(x, y):
            assert (x, y) == (1, 0)
    with pytest.raises(ValueError, match="below"):
        Place(1, height=-1)
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Named(1)  # type: ignore[call-arg]
    assert Named(x=1) == Named(x=1, y=1)


def test_values_do_not_change() -> None:
    for value in (Point(1), Place(1)):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
            value.x = 2  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'z'"):
            value.z = 2  # type: ignore[attr-defined]
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
            del value.x

    class Open(Point):
        """A subclass that is not a dataclass may have other attributes."""

    value = Open(1)
    value.more = 1  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.x = 2  # type: ignore[misc]


def test_methods_of_the_class_stay() -> None:
    assert (repr(Own(1)), Own(1) == Own(2), hash(Own(1)) == hash(Own(1))) == ("own", True, True)


def test_values_are_copied_and_pickled() -> None:
    point = Place(1, names=("a",))
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point
    assert dataclasses.asdict(point) == {"x": 1, "y": 0, "names": ("a",), "kept": {}, "height": 5}


def test_a_dataclass_of_the_standard_library_can_inherit() -> None:
    @dataclasses.dataclass(frozen=True)
    class Further(Point):
        """A further one."""

        z: int = 0

    assert repr(Further(1)) == f"{Further.__qualname__}(x=1, y=0, names=(), z=0)"
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        dataclasses.dataclass(type("Loose", (Point,), {"__annotations__": {}}))


def test_two_threads_can_be_first() -> None:
    for _ in range(50):

        @dataclass(frozen=True)
        class Fresh:
            """A class that nobody has used yet."""

            x: int
            y: tuple[int, ...] = field(default_factory=tuple)

        start, found = threading.Barrier(4), list[object]()

        def first(kind: type[Any] = Fresh, start: threading.Barrier = start, found: list[object] = found) -> None:
            start.wait()
            found.append((repr(kind(1)).rpartition(".")[2], kind(1) == kind(1, ()), hash(kind(1)) == hash(kind(1))))

        threads = [threading.Thread(target=first) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [("Fresh(x=1, y=())", True, True)] * 4


OURS = sorted(
    {
        kind
        for module in (checks, materialization, nodes, project, rules)
        for kind in vars(module).values()
        if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
        if kind.__dataclass_params__.eq  # type: ignore[attr-defined]
    },
    key=lambda kind: kind.__qualname__,
)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_a_class_is_as_the_standard_library_makes_it(kind: type) -> None:
    own = {f.name: f for f in dataclasses.fields(kind)}
    annotations = {name: f.type for name, f in own.items()}
    body = {"__annotations__": annotations, "__module__": kind.__module__, "__doc__": "A class.", **own}
    if hasattr(kind, "__post_init__"):
        body["__post_init__"] = None
    made: Any = dataclasses.dataclass(frozen=True)(type(kind.__name__, (), body))
    assert inspect.signature(kind) == inspect.signature(made)
    assert kind.__match_args__ == made.__match_args__  # type: ignore[attr-defined]
    assert repr(kind.__dataclass_params__) == repr(made.__dataclass_params__)  # type: ignore[attr-defined]
    for name in ("__init__", "__eq__", "__hash__", "__repr__"):
        method = getattr(kind, name)
        if method.__qualname__ in (f"{kind.__name__}.{name}", "_recursive_repr.<locals>.wrapper"):
            assert inspect.unwrap(method).__code__.co_code == inspect.unwrap(getattr(made, name)).__code__.co_code


def test_nothing_is_compiled_before_it_is_used() -> None:
    code = (
        "from types import FunctionType; from fft_core.project.model.rules import MatchesRegex; "
        "print([name for name in ('__init__', '__eq__', '__hash__', '__repr__') "
        "if isinstance(vars(MatchesRegex)[name], FunctionType)]); "
        "MatchesRegex.__eq__; print([name for name in ('__init__', '__eq__', '__hash__', '__repr__') "
        "if isinstance(vars(MatchesRegex)[name], FunctionType)])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines() == ["[]", "['__eq__']"]
