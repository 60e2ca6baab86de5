"""Atomic writing of files: readers see the old content or the new content, never a part of it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.errors import ArtifactError
from fft_core.names.text import json_escaped

_EVERYBODY = 0o666  # less the permissions that the user's umask removes


def json_text(value: Mapping[str, Any]) -> str:
    """Return plain values as the text of a JSON file: each key, and each item of its list or mapping, on its own line.

    Python's encoder is written in C only if it does not indent.

    >>> print(json_text({"nodes": [{"name": "a"}, {"name": "b"}], "count": 2}), end="")
    {
      "nodes": [
        {"name": "a"},
        {"name": "b"}
      ],
      "count": 2
    }
    """
    lines = ",\n".join(f"  {_line(key)}: {_lines(item)}" for key, item in value.items())
    return json_escaped(f"{{\n{lines}\n}}\n" if lines else "{}\n")


def _lines(value: Any) -> str:
    if isinstance(value, Mapping) and value:
        return "{\n" + ",\n".join(f"    {_line(str(key))}: {_line(item)}" for key, item in value.items()) + "\n  }"
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(f"    {_line(item)}" for item in value) + "\n  ]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def write_json_file(path: Path, value: Mapping[str, Any]) -> Path:
    """Write plain values as one JSON file; see `write_text_file`."""
    return write_text_file(path, json_text(value))


def write_text_file(path: Path, text: str) -> Path:
    """Write a text file in UTF-8, with the permissions of the user's umask.

    Missing folders are made.

    Raises:
        ArtifactError: the file cannot be written; the old one still exists.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {_reason(error, path)}", code="FFT-711") from error
    except UnicodeEncodeError as error:  # half of a surrogate pair, which an escape in YAML can produce
        raise ArtifactError(f"cannot write {path}: {error}", code="FFT-711") from error
    return path


def replace_file(path: Path, content: bytes, *, mode: int = _EVERYBODY) -> None:
    """Replace a file, or make it. Raises OSError.

    Args:
        path: The file, in a folder that exists.
        content: All its new content.
        mode: Its permissions, less those that the user's umask forbids.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _reason(error: OSError, path: Path) -> str:
    """Return the system's error message, with the file or folder that it is about if that is another one."""
    of_another = error.filename is not None and Path(error.filename).parent != path.parent
    return f"{error.strerror}: {error.filename}" if of_another else str(error.strerror)
