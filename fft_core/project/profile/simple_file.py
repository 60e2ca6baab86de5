"""A profiles.yml in the form of most projects, read without Jinja and YAML, whose imports take longer than `fft ls`.

The form: mappings by indentation or in braces on one line; names, numbers, true and false, and texts in quotes; in
these, `{{ env('NAME') }}` and `{{ env('NAME', 'default') }}`. Any other file is left to Jinja and YAML, and so is one
whose variables have characters that could mean something to YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from fft_core.project.read.yaml_file import YamlFile

Value = str | int | bool | dict[str, "Value"]

_KEY = r"[A-Za-z_][A-Za-z0-9_-]*"
_LINE = rf"( *)({_KEY}):(?: +(\S.*?))?(?: +#[^{{}}]*)?"
_WORD = r"[A-Za-z_./][A-Za-z0-9_./@-]*"
_NUMBER = r"[1-9][0-9]{0,8}"
_QUOTED = r"\"([^\"\\]*)\"|'([^']*)'"
_IN_BRACES = rf"({_KEY}): +(?:({_QUOTED}|[^ {{}},:#\"']+)|(?={{))"
_ENV = r"\{\{ *env\( *(?:'([^'\"\\{}]*)'|\"([^'\"\\{}]*)\") *(?:, *(?:'([^'\"\\{}]*)'|\"([^'\"\\{}]*)\") *)?\) *\}\}"
# Plain words that YAML reads as another type, in any case of their letters.
_OTHERS = frozenset(("y", "n", "yes", "no", "on", "off", "null", "true", "false", ".inf", ".nan"))

_MARK = "\ufdd0"  # a noncharacter, at both ends of the mark of a missing variable
Variable = Callable[[str, str | None], str]


class _OtherFormError(Exception):
    """The error for a text in another form."""


def simple_file(text: str, path: Path, variable: Variable) -> YamlFile | None:
    """Return the content of a file as Jinja and YAML read it; None if it has another form.

    Args:
        text: The content of the file.
        path: Its path, for messages.
        variable: Returns the text of `env(NAME, default)`, whose default is None if it has none.
    """
    try:
        return _Reader(path, variable).read(text)
    except _OtherFormError:
        return None


class _Reader:
    """A reader of one file."""

    def __init__(self, path: Path, variable: Variable) -> None:
        self._path, self._variable = path, variable
        self._lines: dict[tuple[str | int, ...], int] = {}

    def read(self, text: str) -> YamlFile:
        """Return the content of a text. Raises _OtherFormError."""
        content: dict[str, Value] = {}
        around: list[tuple[int, tuple[str, ...], dict[str, Value]]] = [(0, (), content)]
        if not text.replace("\n", "").isprintable():
            raise _OtherFormError
        opens = None  # the key whose mapping begins on the next line
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip(" ") or re.fullmatch(r" *#[^{}]*", line):
                continue
            found = self._matched(_LINE, line)
            indent, key, said = len(found[1]), found[2], found[3]
            if opens is not None and indent > around[-1][0]:
                _, keys, mapping = around[-1]
                inner: dict[str, Value] = {}
                mapping[opens] = inner
                around.append((indent, (*keys, opens), inner))
            elif opens is not None:
                raise _OtherFormError  # a key without a value
            while indent < around[-1][0]:
                around.pop()
            at, keys, mapping = around[-1]
            if indent != at:
                raise _OtherFormError
            self._note((*keys, key), number)
            opens = key if said is None else None
            if said is not None:
                mapping[key] = self._value(said, (*keys, key), number)
        if opens is not None or not content:
            raise _OtherFormError
        self._lines[()] = min(self._lines.values())
        return YamlFile(self._path, content, self._lines)

    def _note(self, keys: tuple[str, ...], line: int) -> None:
        if keys in self._lines or keys[-1].lower() in _OTHERS or keys[-1].startswith("x-"):
            raise _OtherFormError
        self._lines[keys] = line

    def _value(self, said: str, keys: tuple[str, ...], line: int) -> Value:
        if said.startswith("{") and not said.startswith("{{"):
            value, rest = self._in_braces(said, keys, line)
            if rest:
                raise _OtherFormError
            return value
        return self._scalar(said)

    def _in_braces(self, said: str, keys: tuple[str, ...], line: int) -> tuple[dict[str, Value], str]:
        """Return the mapping at the begin of a text, and the rest of the text."""
        mapping: dict[str, Value] = {}
        rest = said[1:].lstrip(" ")
        while True:
            found = re.match(_IN_BRACES, rest)
            if found is None:
                raise _OtherFormError
            key, written, rest = found[1], found[2], rest[found.end() :]
            self._note((*keys, key), line)
            if written is None:
                mapping[key], rest = self._in_braces(rest, (*keys, key), line)
            else:
                mapping[key] = self._scalar(written)
            rest = rest.lstrip(" ")
            if rest[:1] == "}":
                return mapping, rest[1:]
            if rest[:2] != ", ":
                raise _OtherFormError
            rest = rest[2:].lstrip(" ")

    def _scalar(self, said: str) -> str | int | bool:
        if re.fullmatch(_QUOTED, said):
            return self._filled(said[1:-1], said[0])
        if re.fullmatch(_NUMBER, said):
            return int(said)
        if said in ("true", "false"):
            return said == "true"
        self._matched(_WORD, said)
        if said.lower() in _OTHERS or re.match(r"\.[0-9_]", said):
            raise _OtherFormError
        return said

    def _filled(self, text: str, quote: str) -> str:
        """Return a text in quotes with the values of its variables."""
        filled = re.sub(_ENV, lambda found: self._value_of(found, quote), text)
        if re.search("[{}]", re.sub(_ENV, "", text)):
            raise _OtherFormError
        return filled

    def _value_of(self, found: re.Match[str], quote: str) -> str:
        name, default = found[1] or found[2] or "", found[3] if found[3] is not None else found[4]
        value = self._variable(name, default)
        if quote in value or "\\" in value or not value.strip(_MARK).isprintable():
            raise _OtherFormError
        return value

    def _matched(self, pattern: str, text: str) -> re.Match[str]:
        found = re.fullmatch(pattern, text)
        if found is None:
            raise _OtherFormError
        return found
