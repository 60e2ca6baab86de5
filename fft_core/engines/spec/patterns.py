r"""Patterns of texts: regular expressions that RE2, Postgres, Java and Snowflake read alike, and Python almost.

The syntax:

- letters, digits and other characters stand for themselves; `\` before one of `. ^ $ * + ? ( ) [ ] { } | \ / -` and
  other signs escapes it; `\t`, `\n`, `\r`
- `.` is any character, also the end of a line; `\d`, `\w`, `\s` and `\D`, `\W`, `\S` are those of ASCII
- `[abc]`, `[a-z]`, `[^abc]`; inside, a `[` or `]` has a `\` before it
- `^` and `$` are the start and the end of the text, never of a line
- `(...)`, `(?:...)` and `|`; `*`, `+`, `?`, `{3}`, `{3,}`, `{3,5}`, at most 255 times, also with a `?` behind

Everything else is refused: back references, `\b`, lookahead and lookbehind, flags, named classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SHORT: Mapping[str, str] = {"d": "0-9", "w": "0-9A-Za-z_", "s": " \t\n\r\f\v"}
_CONTROL: Mapping[str, str] = {"t": "\t", "n": "\n", "r": "\r"}
_SPECIAL = frozenset(r"\.^$*+?()[]{}|")
_IN_CLASS = frozenset(r"\[]^-&")
MOST_TIMES = 255  # the limit of Postgres
_MOST_IN_ALL = 1000  # the limit of RE2 for nested repetitions
_KNOWN = "write \\ before it to match the character itself"


class PatternError(ValueError):
    """The error for a pattern that some engines read in different ways."""


def common_pattern(pattern: str, end: str = "$") -> str:
    r"""Return a pattern that every engine reads in the same way, with `end` for the end of a text.

    Raises:
        PatternError: the pattern is not in the syntax of this module.

    >>> common_pattern(r"^\d+(?:-[a-f\d]{2,3}?)*$")
    '^[0-9]+(-[a-f0-9]{2,3})*$'
    """
    reader = _Reader(pattern, end)
    text, _ = reader.alternatives()
    if not reader.is_done:
        raise reader.wrong("an unmatched )")
    return text


@dataclass
class _Reader:
    pattern: str
    end: str
    at: int = 0

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.pattern)

    def wrong(self, what: str, hint: str = "") -> PatternError:
        return PatternError(f"the pattern {self.pattern!r} has {what}{f'; {hint}' if hint else ''}")

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        taken = self.peek()
        self.at += 1
        return taken

    def alternatives(self) -> tuple[str, int]:
        """Read up to the end, or to a `)`; return the text, and how often a part of it is repeated at most."""
        branches = [self.branch()]
        while self.peek() == "|":
            self.take()
            branches.append(self.branch())
        return "|".join(text for text, _ in branches), max(times for _, times in branches)

    def branch(self) -> tuple[str, int]:
        pieces = []
        while self.peek() not in ("", "|", ")"):
            pieces.append(self.piece())
        if not pieces:
            raise self.wrong("an empty alternative", "write ? after an optional part")
        return "".join(text for text, _ in pieces), max(times for _, times in pieces)

    def piece(self) -> tuple[str, int]:
        is_anchor = self.peek() in ("^", "$")
        text, inner = self.atom()
        times, factor = self.repetition()
        if times and is_anchor:
            raise self.wrong(f"a {times} after {text}")
        if inner * factor > _MOST_IN_ALL:
            raise self.wrong(f"nested repetitions, more than {_MOST_IN_ALL} in all")
        return text + times, inner * factor

    def atom(self) -> tuple[str, int]:
        char = self.take()
        match char:
            case "(":
                return self.group()
            case "[":
                return self.char_class(), 1
            case "\\":
                return self.escape(), 1
            case "^" | ".":
                return char, 1
            case "$":
                return self.end, 1
        if char in _SPECIAL:
            raise self.wrong(f"a {char} at position {self.at}", _KNOWN)
        return char, 1

    def group(self) -> tuple[str, int]:
        if self.peek() == "?":
            if self.pattern[self.at : self.at + 2] != "?:":
                raise self.wrong(f"({self.pattern[self.at : self.at + 2]}", "groups are (...) or (?:...)")
            self.at += 2
        text, times = self.alternatives()
        if self.take() != ")":
            raise self.wrong("an unclosed (")
        return f"({text})", times

    def escape(self) -> str:
        char = self.take()
        if char.lower() in _SHORT:
            return f"[{'^' if char.isupper() else ''}{_SHORT[char.lower()]}]"
        found = self.character(char)
        return f"\\{found}" if found in _SPECIAL else found

    def character(self, char: str) -> str:
        """Return the character that a `\\` before this one stands for."""
        if char in _CONTROL:
            return _CONTROL[char]
        if char == "" or char.isalnum() or char == "_" or ord(char) < 32 or ord(char) > 126:
            known = "known are \\d, \\w, \\s, \\D, \\W, \\S, \\t, \\n, \\r, and \\ before a sign"
            raise self.wrong(f"\\{char}, which has different meanings in different engines", known)
        return char

    def char_class(self) -> str:
        negated = self.peek() == "^"
        if negated:
            self.take()
        items: list[str] = []
        while self.peek() != "]":
            items.append(self.item())
        self.take()
        if not items:
            raise self.wrong("an empty []", "write \\] to match the character ]")
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def item(self) -> str:
        low = self.member()
        is_range = self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("", "]")
        if not is_range or low in _SHORT.values():
            return low if low in _SHORT.values() else _in_class(low)
        self.take()
        high = self.member()
        if high in _SHORT.values() or low > high:
            raise self.wrong(f"a range from {low} to {high}")
        return f"{_in_class(low)}-{_in_class(high)}"

    def member(self) -> str:
        char = self.take()
        if char == "":
            raise self.wrong("an unclosed [")
        if char == "[":
            raise self.wrong("a [ inside [...]", _KNOWN)
        if char != "\\":
            return char
        escaped = self.take()
        return _SHORT[escaped] if escaped in _SHORT else self.character(escaped)

    def repetition(self) -> tuple[str, int]:
        found = re.compile(r"[*+?]|\{(\d+)(,?)(\d*)\}").match(self.pattern, self.at)
        if found is None:
            return "", 1
        self.at = found.end()
        if self.peek() == "?":  # a lazy repetition: the same texts match
            self.take()
        if self.peek() in ("*", "+", "?", "{"):
            raise self.wrong(f"a {self.peek()} after a {found[0]}")
        if found[1] is None:
            return found[0], 1
        least, most = int(found[1]), int(found[3] or found[1])
        if most < least or max(least, most) > MOST_TIMES or (found[3] and not found[2]):
            raise self.wrong(f"{found[0]}", f"at most {MOST_TIMES} repetitions, the lower number first")
        return found[0], max(most, 1)


def _in_class(char: str) -> str:
    return f"\\{char}" if char in _IN_CLASS else char
