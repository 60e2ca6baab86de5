"""The kinds of frames that a Python model can be given, and which one a type belongs to."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from fft_core.errors import ModelError, nearest
from fft_core.frames import ibis, narwhals, pandas, polars

if TYPE_CHECKING:
    import pyarrow as pa

FrameType: TypeAlias = Literal["pandas", "polars", "polars_lazy", "arrow", "narwhals", "ibis"]


class FrameKind(Protocol):
    """One kind of frame; a library may have several.

    Attributes:
        name: How a project's models remember it; unique in a table of kinds.
        type_name: How users write its type, in messages.
        is_lazy: Whether a model is given tables without rows and returns a query, which the engine runs.
    """

    @property
    def name(self) -> str: ...
    @property
    def type_name(self) -> str: ...
    @property
    def is_lazy(self) -> bool: ...

    def owns(self, type_name: str) -> bool:
        """Tell by its dotted name, such as `polars.LazyFrame`, whether a type is that of these frames."""

    def read(self, table: pa.Table) -> Any:  # Any: a frame of the library
        """Return the rows of an Arrow table as such a frame. Raises ModelError if it cannot hold a column."""

    def to_arrow(self, frame: Any) -> pa.Table | None:
        """Return the rows of a frame of this kind, or None for any other object. Raises ModelError."""


@dataclass(frozen=True)
class LibraryFrames:
    """A kind of a Python library: its types are `package...class_name`, wherever in the package they are defined."""

    name: FrameType
    package: str
    class_name: str
    reader: Callable[[pa.Table], Any]
    is_frame: Callable[[Any], bool] = lambda _: False
    giver: Callable[[Any], pa.Table] | None = None
    is_lazy: bool = False

    @property
    def type_name(self) -> str:
        return f"{self.package}.{self.class_name}"

    def owns(self, type_name: str) -> bool:
        parts = type_name.split(".")
        return parts[0] == self.package and parts[-1] == self.class_name

    def read(self, table: pa.Table) -> Any:
        return self.reader(table)

    def to_arrow(self, frame: Any) -> pa.Table | None:
        return self.giver(frame) if self.giver and self.is_frame(frame) else None


DEFAULT: FrameType = "pandas"
KINDS: tuple[FrameKind, ...] = (
    LibraryFrames("pandas", "pandas", "DataFrame", pandas.from_arrow, pandas.is_frame, pandas.to_arrow),
    LibraryFrames("polars", "polars", "DataFrame", polars.from_arrow, polars.is_frame, polars.to_arrow),
    LibraryFrames("polars_lazy", "polars", "LazyFrame", lambda table: polars.from_arrow(table).lazy()),
    LibraryFrames("arrow", "pyarrow", "Table", lambda table: table),
    LibraryFrames("narwhals", "narwhals", "DataFrame", narwhals.from_arrow),
    LibraryFrames("ibis", "ibis", "Table", ibis.refuse_rows, is_lazy=True),
)


def kind_named(name: str, kinds: Sequence[FrameKind] = KINDS) -> FrameKind:
    """Return the kind of a name that `kind_of` gave. Raises ModelError for any other name."""
    names = [kind.name for kind in kinds]
    if name not in names:
        raise ModelError(f"{name!r} is no kind of frame", hint=f"There are {', '.join(names)}.")
    return kinds[names.index(name)]


def kind_of(type_names: Sequence[str], kinds: Sequence[FrameKind] = KINDS) -> FrameKind:
    """Return the kind that owns some types; the default one, pandas, if there are none.

    Args:
        type_names: The dotted names that an annotation stands for.
        kinds: Those of the libraries, and before them those that belong to an engine.

    Raises:
        ModelError: nobody owns one of them, or they are of several kinds.

    >>> kind_of(["polars.lazyframe.frame.LazyFrame"]).name
    'polars_lazy'
    """
    found = {kind.name: kind for kind in (_owner(name, kinds) for name in type_names)}
    if len(found) > 1:
        said = " and ".join(kind.type_name for kind in found.values())
        raise ModelError(f"{said} are two kinds of frames", hint="Name the one that the model takes.")
    return next(iter(found.values()), None) or kind_named(DEFAULT)


def _owner(type_name: str, kinds: Sequence[FrameKind]) -> FrameKind:
    found = next((kind for kind in kinds if kind.owns(type_name)), None)
    if found is not None:
        return found
    known = [kind.type_name for kind in kinds]
    close = nearest(type_name, known)
    raise ModelError(
        f"{type_name} is no type of frame that a model can be given",
        hint=f"{f'{close} ' if close else ''}There are {', '.join(known)}; without annotation it is pandas.",
    )


def frame_type_of(annotation: object, kinds: Sequence[FrameKind] = KINDS) -> str:
    """Return the name of the kind of frame that a type stands for; pandas if it says nothing.

    An optional frame and a mapping of frames count as the frame inside. A text is a dotted name in full.

    Raises:
        ModelError: nobody owns it.

    >>> import pyarrow
    >>> frame_type_of(pyarrow.Table | None)
    'arrow'
    """
    return kind_of(tuple(_type_names(annotation)), kinds).name


_MAPPINGS = (dict, Mapping, MutableMapping)
_NOTHING_SAID = (None, Any, object, type(None), *_MAPPINGS)


def _type_names(annotation: object) -> Iterator[str]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, typing.ForwardRef):
        yield annotation.__forward_arg__
    elif isinstance(annotation, str):
        yield annotation
    elif origin in (typing.Union, types.UnionType):
        yield from (name for argument in arguments for name in _type_names(argument))
    elif origin is typing.Annotated:
        yield from _type_names(arguments[0])
    elif origin in _MAPPINGS:
        yield from _type_names(arguments[1])
    elif not any(annotation is nothing for nothing in _NOTHING_SAID):
        named: Any = origin or annotation
        yield f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', named)}"
