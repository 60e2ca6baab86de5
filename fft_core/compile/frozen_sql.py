"""SQL at a frozen time: each function that returns the time is replaced by its value at that time.

The syntax tree tells which words are calls. The text between two calls stays as the user wrote it, because a tree that
is rendered again is not always the same query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlglot import TokenType, exp
from sqlglot.tokens import Token  # type: ignore[attr-defined]

from fft_core.engines.spec.spelling import ClockWord, Spelling
from fft_core.errors import Location, RenderError
from fft_core.plan.canonical import tokens_of
from fft_core.plan.relations import UNREADABLE, on_one_level, parsed

_CLOCK_TEXTS = frozenset({"now", "today", "tomorrow", "yesterday"})
_TIMES = frozenset({"DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ", "DATETIME"})
_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)
_BEHIND_SELECT = (
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.ORDER_BY,
    TokenType.HAVING,
    TokenType.QUALIFY,
    TokenType.UNION,
    TokenType.EXCEPT,
    TokenType.INTERSECT,
    TokenType.LIMIT,
)


@dataclass(frozen=True)
class Clock:
    """A place in a query that reads the clock.

    Attributes:
        name: The function or word, as a message names it.
        start: Its position in the text.
        end: The position behind it.
        kind: The type of its value; None if it cannot be replaced.
        result: The name of its column in the result, if it is a column by itself and has no alias.
    """

    name: str
    start: int
    end: int
    kind: ClockWord | None = None
    result: str = ""


def frozen_sql(sql: str, spelling: Spelling, at: datetime, where: Location | None = None) -> str:
    """Return a query in which all clocks show one time.

    Args:
        sql: One query.
        spelling: The spelling of its engine.
        at: The frozen time.
        where: The place that an error names.

    Raises:
        RenderError: the query has no syntax tree, or a function in it reads the clock and cannot be replaced.

    >>> from datetime import UTC, datetime
    >>> from fft_core.engines.duckdb.spelling import SPELLING
    >>> frozen_sql("select today() as day", SPELLING, datetime(2026, 1, 31, tzinfo=UTC))
    "select cast('2026-01-31' as date) as day"
    """
    found = clocks_of(sql, spelling)
    stuck = next((clock for clock in found if clock.kind is None), None)
    if stuck is not None:
        hint = "Write it with current_date or current_timestamp, or give the time as a column of an input."
        raise RenderError(f"freeze: time cannot be frozen in {stuck.name}", where=where, hint=hint, code="FFT-511")
    for clock in reversed(found):
        assert clock.kind is not None
        named = f" as {spelling.quoted(clock.result)}" if clock.result else ""
        sql = f"{sql[: clock.start]}{spelling.clock(at, clock.kind)}{named}{sql[clock.end :]}"
    return sql


def clocks_of(sql: str, spelling: Spelling) -> tuple[Clock, ...]:
    """Find the clocks in a query, in order. Without a syntax tree, none of them can be replaced."""
    try:
        tokens = tokens_of(sql, spelling.dialect)
    except UNREADABLE:
        return (Clock("SQL that cannot be tokenized", 0, 0),)
    return tuple(_Query(sql, spelling, tokens).clocks())


@dataclass(frozen=True)
class _Query:
    """A query and its tokens."""

    sql: str
    spelling: Spelling
    tokens: Sequence[Token]

    @cached_property
    def _tree(self) -> exp.Expr | None:
        return parsed(self.sql, self.spelling.dialect)

    @cached_property
    def _calls(self) -> frozenset[int]:
        """The positions of the names of called functions."""
        assert self._tree is not None
        return frozenset(node.meta["start"] for node in self._tree.find_all(exp.Func) if "start" in node.meta)

    def clocks(self) -> Iterator[Clock]:
        found = sorted((*self._functions(), *self._texts()), key=lambda clock: clock.start)
        if found and self._tree is None:
            yield Clock(f"{found[0].name}: the query around it could not be parsed", 0, 0)
        else:
            yield from found

    def _functions(self) -> Iterator[Clock]:
        for index, token in enumerate(self.tokens):
            name = token.text.lower()
            if name not in self.spelling.clocks and name not in self.spelling.other_clocks:
                continue
            after = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
            if after is not None and after.token_type is TokenType.L_PAREN:
                if self._tree is None or token.start in self._calls:
                    yield from self._call(name, index)
            elif self._is_bare(token, index):
                result = token.text if self._is_column(index, index) else ""
                yield Clock(name, token.start, token.end + 1, self.spelling.clocks[name], result)

    def _is_bare(self, token: Token, index: int) -> bool:
        """Return whether a word without parentheses is a function, and not the name of a column or an alias."""
        before = self.tokens[index - 1].token_type if index else None
        after = self.tokens[index + 1].token_type if index + 1 < len(self.tokens) else None
        is_quoted = token.token_type is TokenType.IDENTIFIER
        is_name = before in (TokenType.DOT, TokenType.ALIAS) or after is TokenType.DOT
        return token.text.lower() in self.spelling.bare_clocks and not is_quoted and not is_name

    def _call(self, name: str, index: int) -> Iterator[Clock]:
        inside = list(on_one_level(list(self.tokens), index + 2))
        closing = self._closing(index + 1)
        first = self._with_schema(index)
        start, end = self.tokens[first].start, self.tokens[closing].end + 1
        if name in self.spelling.clocks:
            # current_timestamp(3): how many digits its fraction has
            is_plain = all(token.token_type is TokenType.NUMBER for token in inside)
            kind = self.spelling.clocks[name] if is_plain else None
            result = self.spelling.result_of_call(name) if self._is_column(first, closing) else ""
            yield Clock(f"{name}()" if is_plain else f"{name}() with arguments", start, end, kind, result)
            return
        wanted = self.spelling.other_clocks[name]
        count = 0 if closing == index + 2 else 1 + sum(token.token_type is TokenType.COMMA for token in inside)
        if wanted in (None, count):
            yield Clock(f"{name}(){' with one argument' if wanted else ''}", start, end)

    def _closing(self, opening: int) -> int:
        depth = 0
        for index, token in enumerate(self.tokens[opening:], opening):
            depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            if depth == 0:
                return index
        return len(self.tokens) - 1

    def _with_schema(self, index: int) -> int:
        """Return the position of a name, including the schema before it: `pg_catalog.now`."""
        while index > 1 and self.tokens[index - 1].token_type is TokenType.DOT:
            index -= 2
        return index

    def _is_column(self, first: int, last: int) -> bool:
        """Return whether some words are one column of a SELECT, alone and without an alias."""
        after = self.tokens[last + 1].token_type if last + 1 < len(self.tokens) else None
        if after not in (None, TokenType.COMMA, TokenType.FROM, TokenType.R_PAREN, *_BEHIND_SELECT):
            return False
        if self.tokens[first - 1].token_type not in (TokenType.SELECT, TokenType.DISTINCT, TokenType.COMMA):
            return False
        depth = 0
        for token in reversed(self.tokens[:first]):
            depth += (token.token_type in _CLOSING) - (token.token_type in _OPENING)
            if depth < 0 or (depth == 0 and token.token_type in _BEHIND_SELECT):
                return False
            if depth == 0 and token.token_type is TokenType.SELECT:
                return True
        return False

    def _texts(self) -> Iterator[Clock]:
        """Yield the texts that are cast to a time and mean the clock: `'now'::timestamp`, `date 'today'`."""
        if self._tree is None or not re.search(r"'\s*(now|today|tomorrow|yesterday)", self.sql, re.IGNORECASE):
            return
        for cast in self._tree.find_all(exp.Cast):
            value = cast.this
            if not (isinstance(value, exp.Literal) and value.is_string and cast.to.this.name in _TIMES):
                continue
            if set(re.findall(r"[a-z]+", value.name.lower())) & _CLOCK_TEXTS:
                yield Clock(f"the text {value.name!r}, which means the current time", 0, 0)
