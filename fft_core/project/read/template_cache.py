"""Templates as last parsed, in the user's cache folder: after an edit, only changed files are parsed."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import jinja2

from fft_core.project.read.cache import FORMAT
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.plain_pickle import is_whole, plain_bytes, plain_value
from fft_core.project.read.sql_file import parse_template
from fft_core.project.read.template import Template
from fft_core.version import VERSION

FILE = "templates.pickle"


class TemplateCache:
    """The cache of one project's templates, whose content depends on their text, path and engine alone.

    Args:
        root: The folder of the project.
        engine: The engine that the project is read for.
        keeps: Whether the cache is read and written at all.
    """

    def __init__(self, root: Path, engine: str, *, keeps: bool) -> None:
        self._cache, self._engine, self._keeps = ProjectCache(root), engine, keeps
        self._head = f"{FORMAT} {VERSION} {sys.version_info[:2]} {jinja2.__version__} {engine}\n".encode()
        self._known = self._read() if keeps else {}
        self._used: dict[str, tuple[str, Template]] = {}

    def parse(self, text: str, path: Path, jinja: jinja2.Environment) -> Template:
        """Return the content of a template, see `parse_template`."""
        key, digest = str(path), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        known = self._known.get(key)
        if known is None or known[0] != digest:
            known = (digest, parse_template(text, path, jinja, self._engine))
        self._used[key] = known
        return known[1]

    def keep(self) -> None:
        """Store the templates that were requested since the cache was read, if they changed."""
        if self._keeps and self._used != self._known:
            content = plain_bytes(self._used)
            if content is not None:
                self._cache.write(FILE, self._head + content)

    def _read(self) -> dict[str, tuple[str, Template]]:
        content = self._cache.read(FILE) or b""
        found = plain_value(content.removeprefix(self._head)) if content.startswith(self._head) else None
        if not isinstance(found, dict) or not all(_is_template(entry) for entry in found.values()):
            return {}
        return found


def _is_template(entry: object) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and is_whole(entry[1], Template)
