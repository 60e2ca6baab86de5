"""The kinds of frames that a Python model takes, by the annotations of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from fft_core.engines.spec.frames import DEFAULT, LIBRARY_FRAMES, FrameKind, kind_of
from fft_core.errors import Location, ModelError, Problem
from fft_core.project.read.python_file import Declaration


class Frames(TypedDict):
    """The fields of a PythonBody about frames."""

    frames: tuple[str, ...]
    frame_of_this: str
    is_lazy: bool


def frames_of(
    declaration: Declaration,
    inputs: int,
    path: Path,
    problems: list[Problem],
    kinds: Sequence[FrameKind] = LIBRARY_FRAMES,
) -> Frames:
    """Return the kinds of frames that a function takes.

    Args:
        declaration: The function.
        inputs: The number of its inputs.
        path: The path of its file.
        problems: The list to which unknown annotations, and kinds that cannot be mixed, are added.
        kinds: The kinds of the project's engine, as its spec declares them.
    """
    taken = [*_parameters(declaration, inputs)]
    asks_for_this = "this" in declaration.by_name
    named = {name: _kind(declaration, name, path, problems, kinds) for name in (*taken, *(["this"] * asks_for_this))}
    lazy = [name for name, kind in named.items() if kind is not None and kind.is_lazy]
    others = [name for name, kind in named.items() if kind is not None and not kind.is_lazy]
    if lazy and others:
        problems.append(_mixture(declaration, (lazy[0], named[lazy[0]]), (others[0], named[others[0]]), path))
    names = {name: (kind or DEFAULT).name for name, kind in named.items()}
    return Frames(frames=tuple(names[name] for name in taken), frame_of_this=names.get("this", ""), is_lazy=bool(lazy))


def _parameters(declaration: Declaration, inputs: int) -> Iterator[str]:
    """Yield the parameters for frames, one for each input; or the one parameter for all of them."""
    count = len(declaration.parameters)
    if inputs <= count or declaration.takes_any_number:
        yield from declaration.parameters[:inputs]
        yield from ["*"] * (inputs - count)
    else:
        yield from declaration.parameters[:1]


def _kind(
    declaration: Declaration, name: str, path: Path, problems: list[Problem], kinds: Sequence[FrameKind]
) -> FrameKind | None:
    annotation = declaration.annotations.get(name)
    try:
        return kind_of(annotation.names if annotation else (), kinds)
    except ModelError as error:
        line = annotation.line if annotation else declaration.line
        said = f"{_said(declaration, name)}: {error.problem.message}"
        problems.append(Problem(said, Location(path, line), error.problem.hint, code=error.code))
        return None


def _mixture(
    declaration: Declaration, lazy: tuple[str, FrameKind | None], other: tuple[str, FrameKind | None], path: Path
) -> Problem:
    names = [kind.type_name for _, kind in (lazy, other) if kind]
    is_annotated = other[0] in declaration.annotations
    message = f"{_said(declaration, lazy[0])} is {names[0]}, {other[0]} is {names[1]}"
    message += "" if is_annotated else ", as it has no annotation"
    hint = f"A query of {names[0]} cannot read frames: annotate all of them with {names[0]}, or none."
    return Problem(f"{message}: they do not go together", Location(path, declaration.line), hint, code="FFT-142")


def _said(declaration: Declaration, name: str) -> str:
    annotation = declaration.annotations.get(name)
    written = f": {annotation.text}" if annotation else ""
    return f"{declaration.function}({'*frames' if name == '*' else name}{written})"
