"""Which frame library a function wants, by its annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

FrameType: TypeAlias = Literal["pandas", "polars", "polars_lazy", "arrow"]


def frame_type_of(annotation: object) -> FrameType:
    """Read the type of frame from an annotation; pandas where it says nothing.

    A mapping of frames, an optional frame, and an annotation that is text count as the frame that they name.
    """
    text = annotation if isinstance(annotation, str) else _spelled(annotation)
    if "LazyFrame" in text:
        return "polars_lazy"
    if "polars" in text or "pl.DataFrame" in text:
        return "polars"
    return "arrow" if "pyarrow" in text or "pa.Table" in text else "pandas"


def _spelled(annotation: object) -> str:
    inner = " ".join(_spelled(part) for part in typing.get_args(annotation))
    return f"{getattr(annotation, '__module__', '')}.{getattr(annotation, '__name__', '')} {inner}"


def frame_type_of_parameter(function: Callable[..., Any], index: int) -> FrameType:
    """Read the annotation of a function's parameter; those beyond the last count as the last."""
    parameters = list(_signature(function).parameters.values())
    if not parameters:
        return "pandas"
    return frame_type_of(parameters[min(index, len(parameters) - 1)].annotation)


def frame_type_of_named(function: Callable[..., Any], name: str) -> FrameType:
    """Read the annotation of a function's parameter of that name."""
    return frame_type_of(_signature(function).parameters[name].annotation)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - the user's text: a name may be imported for type checkers only
        return inspect.signature(function)
