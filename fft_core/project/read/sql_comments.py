"""The comments of a SQL template, by the rules of its engine: Jinja in them is ignored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fft_core.engines.spec.lexis import Lexis
from fft_core.errors import Location, Problem


@dataclass(frozen=True)
class Comment:
    """A comment of SQL, from its first mark to its last. Of one that begins in {% raw %}, only the part after it."""

    start: int
    end: int
    is_closed: bool = True


def without_jinja_in_comments(text: str, lexis: Lexis) -> str:
    r"""Blank the SQL comments that contain Jinja, so that references in comments are ignored. Lines keep their numbers.

    >>> without_jinja_in_comments("select 1 -- from {{ ref('old') }}", Lexis())
    'select 1  '
    >>> without_jinja_in_comments("select $$ -- {{ ref('new') }} $$", Lexis(dollars=r"\$\$"))
    "select $$ -- {{ ref('new') }} $$"
    """
    return _blanked(text, lexis, lambda piece: " " + "\n" * piece.count("\n") if _OPENS.search(piece) else piece)


def blank_comments(text: str, lexis: Lexis) -> str:
    """Replace all SQL comments by spaces; everything else keeps its position.

    >>> blank_comments("a /* b */ c", Lexis())
    'a         c'
    """
    return _blanked(text, lexis, lambda piece: re.sub(r"[^\n]", " ", piece))


def comments_of(text: str, lexis: Lexis) -> Iterator[Comment]:
    """Find the comments of a template; hints (`/*+ ... */`) do not count."""
    if any(mark in text for mark in ("/*", *lexis.line_comments)):
        yield from _Scan(text, lexis).comments()


def comment_problems(text: str, path: Path, lexis: Lexis) -> list[Problem]:
    """Report Jinja that begins in a comment and ends outside, and comments with Jinja that have no end."""
    problems = []
    for group in _groups(text, lexis):
        comment = text[group.start : group.end]
        opened = _left_open(comment)
        if not group.is_closed and _OPENS.search(comment):
            message, at = "an unclosed SQL comment", group.start
        elif opened and _is_closed_behind(text, group.end, comment[opened[0] : opened[0] + 2]):
            message, at = "this begins in a SQL comment and ends outside of it", group.start + opened[0]
        else:
            continue
        hint = "Jinja in SQL comments is ignored. Close the comment after it, or write {# ... #}."
        problems.append(
            Problem(f"template error: {message}", Location(path, text.count("\n", 0, at) + 1), hint, code="FFT-130")
        )
    return problems


_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_OPENS = re.compile(r"\{[{%#]")


def _blanked(text: str, lexis: Lexis, blank: Callable[[str], str]) -> str:
    pieces, position = list[str](), 0
    for comment in comments_of(text, lexis):
        if comment.is_closed:
            pieces += [text[position : comment.start], blank(text[comment.start : comment.end])]
            position = comment.end
    return "".join([*pieces, text[position:]])


def _groups(text: str, lexis: Lexis) -> Iterator[Comment]:
    """Return groups of comments: those with only white space between them are one, as Jinja may go on in the next."""
    last: Comment | None = None
    for comment in comments_of(text, lexis):
        if last and not text[last.end : comment.start].strip():
            comment = Comment(last.start, comment.end, comment.is_closed)
        elif last:
            yield last
        last = comment
    if last:
        yield last


def _left_open(comment: str) -> tuple[int, ...]:
    """Return the start of Jinja that does not end in the comment; empty if all of it does."""
    position = 0
    while opening := _OPENS.search(comment, position):
        position = comment.find(_CLOSING[opening.group()], opening.end())
        if position < 0:
            return (opening.start(),)
    return ()


def _is_closed_behind(text: str, start: int, opening: str) -> bool:
    """Return whether a text has the end of Jinja without its beginning; `}}` may also end two braces of SQL."""
    until = _OPENS.search(text, start)
    rest, depth = text[start : until.start() if until else None], 0
    if opening != "{{":
        return _CLOSING[opening] in rest
    for index, character in enumerate(rest):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return rest[index : index + 2] == "}}"
    return False


_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_END_OF_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_MACRO = re.compile(r"\{%[-+]?\s*(?P<end>end)?macro\b")
_END_OF_LINE = re.compile(r"[\n\r]|\Z")
_NUMBERS = re.compile(r"(?:\$?\d+)*")
_REST_OF_NAME = re.compile(r"[\w$]*")
_NESTED = re.compile(r"/\*|\*/")
_IN_JINJA = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<end>[-+]?(?:\}\}|%\}))|[({\[]|[)}\]]""", re.DOTALL
)


class _Scan:
    """One pass over a text. Jinja between pieces of SQL is skipped; in comments it is a part of them."""

    def __init__(self, text: str, lexis: Lexis) -> None:
        self._text, self._lexis = text, lexis
        self._marks = _marks(lexis)
        self._raw_ends = (0, 0)  # end of the {% raw %} block before or around the position, without and with its tag
        self._in_macro = False

    def comments(self) -> Iterator[Comment]:
        position = 0
        while mark := self._marks.search(self._text, position):
            match mark.lastgroup:
                case "jinja":
                    position = self._behind_jinja(mark.start())
                case "hint":
                    position = self._behind_text(mark.end(), re.escape("*/"))
                case "line" | "block":
                    comment = self._comment(mark)
                    if comment.start < comment.end:
                        yield comment
                    position = comment.end
                case "dollars" if self._goes_on_a_name(position, mark):
                    position = self._behind_name(mark.start())
                case "dollars":
                    position = self._behind_text(mark.end(), re.escape(mark.group()))
                case _:
                    prefix = "" if self._goes_on_a_name(position, mark) else mark["prefix"] or ""
                    position = self._behind_text(mark.end(), *self._ends(prefix, mark["quote"]))

    def _goes_on_a_name(self, start: int, mark: re.Match[str]) -> bool:
        """Return whether a mark belongs to the name before it, as in `date'2020-01-01'` and `a$$`."""
        before = mark.start()
        while before > start and (self._text[before - 1].isalnum() or self._text[before - 1] in "_$"):
            before -= 1
        numbers = _NUMBERS.match(self._text, before, mark.start())
        return numbers is None or numbers.end() < mark.start()

    def _behind_name(self, position: int) -> int:
        rest = _REST_OF_NAME.match(self._text, position)
        return rest.end() if rest else position

    def _comment(self, mark: re.Match[str]) -> Comment:
        start, end = mark.start(), self._end_of_comment(mark)
        in_raw = start < self._raw_ends[0]
        if in_raw:  # there, braces are plain text; the block's own tag ends it in any case
            start = min(self._raw_ends[1], end or len(self._text))
        return Comment(start, max(end, start) if end else len(self._text), is_closed=end > 0)

    def _end_of_comment(self, mark: re.Match[str]) -> int:
        """Return the end of a comment; 0 if it has none."""
        if mark.lastgroup == "line":
            found = _END_OF_LINE.search(self._text, mark.end())
            end = found.start() if found else len(self._text)
            tag = _MACRO.search(self._text, mark.end(), end) if self._in_macro else None
            return tag.start() if tag else end
        if not self._lexis.nested:
            return self._text.find("*/", mark.end()) + 2 if "*/" in self._text[mark.end() :] else 0
        depth = 1
        for found in _NESTED.finditer(self._text, mark.end()):
            depth += 1 if found.group() == "/*" else -1
            if depth == 0:
                return found.end()
        return 0

    def _ends(self, prefix: str, quote: str) -> tuple[str, ...]:
        """Return patterns for the end of text in these quotes, and for pieces in it that are skipped as a whole."""
        lexis, letter = self._lexis, prefix.lower() or None
        escapes = letter == lexis.escaping_after or (quote in lexis.escaping and letter != lexis.raw_after)
        pieces = [r"\\(?!\{[{%#])."] if escapes else []  # a backslash before Jinja escapes the rendered text
        return (re.escape(quote), *pieces, *([re.escape(quote) * 2] if lexis.doubling else []))

    def _behind_text(self, position: int, end: str, *pieces: str) -> int:
        """Return the position after a quoted text, in which Jinja counts. A macro's tag ends an unclosed text."""
        steps = _steps(end, pieces)
        while step := steps.search(self._text, position):
            if step.lastgroup == "end":
                return step.end()
            if step.lastgroup == "piece":
                position = step.end()
            elif _MACRO.match(self._text, step.start()) and step.start() >= self._raw_ends[0]:
                return step.start()
            else:
                position = self._behind_jinja(step.start())
        return len(self._text)

    def _behind_jinja(self, start: int) -> int:
        text = self._text
        if start < self._raw_ends[0]:
            return start + 2  # two braces in a {% raw %} block
        if start == self._raw_ends[0] and start:
            return self._raw_ends[1]
        if text.startswith("{#", start):
            end = text.find("#}", start + 2)
            return end + 2 if end >= 0 else len(text)
        if raw := _RAW.match(text, start):
            closing = _END_OF_RAW.search(text, raw.end())
            self._raw_ends = closing.span() if closing else (len(text), len(text))
            return raw.end()
        if tag := _MACRO.match(text, start):
            self._in_macro = not tag["end"]
        return self._behind_expression(start)

    def _behind_expression(self, start: int) -> int:
        depth, position = 0, start + 2
        while step := _IN_JINJA.search(self._text, position):
            position = step.end()
            match step.lastgroup:
                case "text":
                    continue
                case "end" if depth == 0:
                    return position
                case "end":
                    position = step.start() + 1
                    depth -= step.group()[0] == "}"
                case _:
                    depth += 1 if step.group() in "({[" else -1
        return len(self._text)


@lru_cache
def _marks(lexis: Lexis) -> re.Pattern[str]:
    """Return the pattern of marks that matter in SQL between text and comments."""
    letters = lexis.escaping_after + lexis.raw_after
    prefix = rf"(?P<prefix>[{letters}{letters.upper()}])?" if letters else "(?P<prefix>)"
    quotes = "|".join(map(re.escape, lexis.quotes))
    lines = "|".join(map(re.escape, lexis.line_comments))
    dollars = rf"|(?P<dollars>{lexis.dollars})" if lexis.dollars else ""
    return re.compile(
        rf"(?P<jinja>\{{[{{%#])|(?P<hint>/\*\+)|(?P<block>/\*)|(?P<line>{lines}){dollars}|{prefix}(?P<quote>{quotes})"
    )


@lru_cache
def _steps(end: str, pieces: tuple[str, ...]) -> re.Pattern[str]:
    piece = f"(?P<piece>{'|'.join(pieces)})|" if pieces else ""
    return re.compile(rf"{piece}(?P<end>{end})|(?P<jinja>\{{[{{%#])", re.DOTALL)
