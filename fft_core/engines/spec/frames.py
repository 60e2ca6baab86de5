"""The kinds of frames that Python models can be given, and which one a type belongs to. Nothing here reads a row."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from fft_core.errors import ModelError, nearest


@dataclass(frozen=True)
class FrameKind:
    """One kind of frame; a library may have several. Its types are `package...class_name`, wherever they are defined.

    Attributes:
        name: How a project's models remember it; unique among the kinds of an engine.
        package: The package of its types, which may have dots, as in `snowflake.snowpark`.
        class_name: The name of its type.
        is_lazy: Whether a model is given tables without rows and returns a query, which the engine runs.
        is_native: Whether it belongs to the engine. All others are made of Arrow tables, by `fft_core.frames`.

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
        """How users write its type, in messages."""
        return f"{self.package}.{self.class_name}"

    def owns(self, type_name: str) -> bool:
        """Tell by its dotted name, such as `polars.LazyFrame`, whether a type is that of these frames."""
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
    """Return the kind that owns one of some types; the default one, pandas, if there are none.

    Args:
        type_names: The dotted names that an annotation stands for.
        kinds: Those of an engine, as its spec declares them.

    Raises:
        ModelError: nobody owns one of them, or they are of several kinds.

    >>> kind_of(["polars.lazyframe.frame.LazyFrame"]).name
    'polars_lazy'
    """
    owned = [name for name in type_names if any(kind.owns(name) for kind in kinds)]
    # beside a frame that we have, the DataFrame of another engine may be named: it is not what is given here
    wanted = [name for name in type_names if not owned or name in owned or name.rpartition(".")[2] != _FOREIGN]
    found = {kind.name: kind for kind in (_owner(name, kinds) for name in wanted)}
    if len(found) > 1:
        said = " and ".join(kind.type_name for kind in found.values())
        raise ModelError(f"{said} are two kinds of frames", hint="Name the one that the model takes.")
    return next(iter(found.values()), DEFAULT)


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


def frame_type_of(annotation: object, kinds: Sequence[FrameKind] = LIBRARY_FRAMES) -> str:
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
