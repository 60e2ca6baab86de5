"""Output of commands: text of others cannot act on the terminal, only our own styles can."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, TextIO

import click

from fft_core.names.text import json_escaped, visible, visible_line
from fft_core.run.output_guard import OutputGuard

# Replaces the escape character in a line of ours, to distinguish it from those in other texts: at worst, a text that
# contains this noncharacter is coloured.
_MARK = "\ufdd1"
_STYLE = re.compile(rf"{_MARK}(\[[0-9;]*m)")


def style(text: str, **how: Any) -> str:  # Any: as in click.style
    """Return a text with a style, for `echo`."""
    pieces = _STYLE.split(text)
    inner = "".join(f"{_MARK}{piece}" if i % 2 else visible(piece) for i, piece in enumerate(pieces))
    return click.style(inner, **how).replace("\x1b", _MARK)


def unstyled(text: str) -> str:
    """Return a text without styles, for its width."""
    return _STYLE.sub("", text)


def name_text(name: object) -> str:
    """Return a name or a path on one line, with visible control characters."""
    return visible_line(str(name))


def terminal_text(text: str) -> str:
    """Return a text with our styles for a terminal; all other control characters become visible escapes.

    >>> terminal_text("a\\x1b[31m" + style("b", fg="red"))
    'a\\\\x1b[31m\\x1b[31mb\\x1b[0m'
    """
    pieces = _STYLE.split(text)
    return "".join(f"\x1b{piece}" if i % 2 else visible(piece) for i, piece in enumerate(pieces))


def masked(text: str) -> str:
    """Mask the project's secrets in a text that is not written to a stream of this process."""
    guard = getattr(sys.stderr, "guard", None)
    return guard.masker(text) if isinstance(guard, OutputGuard) else text


def echo(text: object = "", *, err: bool = False, color: bool | None = None, file: TextIO | None = None) -> None:
    """Print a text and a line break."""
    click.echo(terminal_text(str(text)), err=err, color=color, file=file)


def echo_json(value: object, *, indent: int | None = 2, err: bool = False, file: TextIO | None = None) -> None:
    """Print a plain value as JSON: secrets are masked inside of its texts, so that the result stays valid JSON."""
    stream = file or (sys.stderr if err else sys.stdout)
    guard = getattr(stream, "guard", None)
    plain = guard.masker.plain(value) if isinstance(guard, OutputGuard) else value
    text = json_escaped(json.dumps(plain, indent=indent, ensure_ascii=indent is not None))
    click.echo(text, file=getattr(stream, "unmasked", stream))
