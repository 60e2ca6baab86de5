"""The kinds of frames that Python models can take, and the kind to which a type belongs. No row is read here."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from fft_core.errors import ModelError, nearest


@dataclass(frozen=True)
class FrameKind:
    """One kind of frame; a library may have several. Its types are `package...class_name`, in any module.

    Attributes:
        name: The name that the models of a project store; unique among the kinds of an engine.
        package: The package of its types, which may have dots, as in `snowflake.snowpark`.
        class_name: The name of its type.
        is_lazy: Whether a model takes tables without rows and returns a query, which the engine runs.
        is_native: Whether it belongs to the engine. `fft_core.frames` makes all others from Arrow tables.

    >>> FrameKind("polars", "polars", "DataFrame").owns("polars.dataframe.frame.DataFrame")
    True
    """

    name: str
    package: str
    class_name: str
    is_lazy: bool = False
    is_native: bool = False

    @property
    def type_name(self) -> str:
        """Its type as users write it, for messages."""
        return f"{self.package}.{self.class_name}"

    def owns(self, type_name: str) -> bool:
        """Whether a type is of this kind, by its dotted name, such as `polars.LazyFrame`."""
        return type_name.startswith(f"{self.package}.") and type_name.rpartition(".")[2] == self.class_name


_FOREIGN = "DataFrame"
DEFAULT = FrameKind("pandas", "pandas", "DataFrame")
LIBRARY_FRAMES = (
    DEFAULT,
    FrameKind("polars", "polars", "DataFrame"),
    FrameKind("polars_lazy", "polars", "LazyFrame"),
    FrameKind("arrow", "pyarrow", "Table"),
    FrameKind("narwhals", "narwhals", "DataFrame"),
    FrameKind("ibis", "ibis", "Table", is_lazy=True),
)


def kind_of(type_names: Sequence[str], kinds: Sequence[FrameKind] = LIBRARY_FRAMES) -> FrameKind:
    """Return the kind to which some types belong; the default one, pandas, if the list is empty.

    Args:
        type_names: The dotted names of the types of an annotation.
        kinds: The kinds of an engine, as its spec declares them.

    Raises:
        ModelError: a type belongs to none of the kinds, or the types are of several kinds.

    >>> kind_of(["polars.lazyframe.frame.LazyFrame"]).name
    'polars_lazy'
    """
    owned = [name for name in type_names if any(kind.owns(name) for kind in kinds)]
    # an annotation may also name another engine's DataFrame, which is not passed on this engine
    wanted = [name for name in type_names if not owned or name in owned or name.rpartition(".")[2] != _FOREIGN]
    found = {kind.name: kind for kind in (_owner(name, kinds) for name in wanted)}
    if len(found) > 1:
        said = " and ".join(kind.type_name for kind in found.values())
        raise ModelError(f"{said} are two kinds of frames", hint="Name the one that the model takes.", code="FFT-142")
    return next(iter(found.values()), DEFAULT)


def _owner(type_name: str, kinds: Sequence[FrameKind]) -> FrameKind:
    found = next((kind for kind in kinds if kind.owns(type_name)), None)
    if found is not None:
        return found
    known = [kind.type_name for kind in kinds]
    close = nearest(type_name, known)
    raise ModelError(
        f"{type_name} is not a type of frame that a model can take",
        hint=f"{f'{close} ' if close else ''}Types: {', '.join(known)}; without an annotation it is pandas.",
        code="FFT-142",
    )


def frame_type_of(annotation: object, kinds: Sequence[FrameKind] = LIBRARY_FRAMES) -> str:
    """Return the name of the kind of frame of an annotation; pandas if it names no type of frame.

    An optional frame and a mapping of frames count as the frame inside. A text is a dotted name in full.

    Raises:
        ModelError: the type belongs to none of the kinds.

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
