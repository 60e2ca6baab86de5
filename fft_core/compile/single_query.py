"""Extraction of single statements from a text of SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import Location, RenderError

if TYPE_CHECKING:
    from sqlglot.tokens import Token  # type: ignore[attr-defined]

# A query that is one query in every dialect: words, whole quoted pieces, and no character that could begin a comment or
# a second statement, or escape a quote: no backslash, no three quotes (BigQuery), no letter before a quote (x'ff'). The
# tokenizer, which takes 30 ms to import, would give the same result.
_PLAIN_QUERY = re.compile(
    r"""(?:select|with)\b(?:[^;'"`$\\\#/-]++|(?<![\w&])(?:'(?!'')[^'\\]*+'|"(?!"")[^"\\]*+")|-(?!-)|/(?![*/]))*+""",
    re.IGNORECASE,
)
_QUERY_STARTS = ("SELECT", "WITH", "FROM", "VALUES", "L_PAREN", "PIVOT")


def select_of(text: str, dialect: str, where: Location) -> str:
    """Return the one query in a rendered text, without semicolons, `create ... as` in front and outer comments.

    Raises:
        RenderError: the text has no statement, or several, or one that is not a query.

    >>> select_of("-- all\\ncreate or replace table x as select 1;", "duckdb", Location(Path("x.ff.sql")))
    'select 1'
    """
    plain = text.strip(" \t\r\n")
    if _PLAIN_QUERY.fullmatch(plain):
        return plain
    statements = _statements(text, dialect, where)
    if len(statements) != 1:
        hint = "A model is one SELECT; make a model of each statement." if statements else "Write a SELECT."
        second = f": the second is {_start(statements[1])}" if len(statements) > 1 else ""
        raise RenderError(
            f"a model must be one statement; this has {len(statements) or 'none'}{second}",
            where=where,
            hint=hint,
            code="FFT-403",
        )
    tokens = _after_create(statements[0])
    if not tokens or tokens[0].token_type.name not in _QUERY_STARTS:
        raise RenderError(
            f"a model must be a query; this is {_start(statements[0])}",
            where=where,
            hint="Write a SELECT or WITH: FFT creates the table or view from it.",
            code="FFT-403",
        )
    return text[tokens[0].start : tokens[-1].end + 1]


def statements_of(text: str, dialect: str, where: Location) -> list[str]:
    """Split a text into its statements, without the semicolons between them and without outer comments.

    Raises:
        RenderError: a quote or a comment is not closed.

    >>> statements_of("-- first\\ninsert into t values (';'); select 1;", "duckdb", Location(Path("x.sql")))
    ["insert into t values (';')", 'select 1']
    """
    found = _statements(text, dialect, where)
    return [text[tokens[0].start : tokens[-1].end + 1] for tokens in found]


def with_values(text: str, values: Sequence[object], spelling: Spelling) -> str:
    """Replace the placeholders of a statement, question marks outside of its texts and comments, by literals.

    Raises:
        RenderError: there are more placeholders than values, or fewer; or the text is not SQL.
    """
    if not values:
        return text
    where = Location(Path("<sql>"))
    tokens = [token for statement in _statements(text, spelling.dialect, where) for token in statement]
    places = [token.start for token in tokens if token.token_type.name == "PLACEHOLDER"]
    if len(places) != len(values):
        raise RenderError(
            f"the statement has {len(places)} places for {len(values)} values", where=where, code="FFT-400"
        )
    for place, value in sorted(zip(places, values, strict=True), reverse=True, key=itemgetter(0)):
        text = f"{text[:place]}{spelling.literal(value)}{text[place + 1 :]}"
    return text


def _statements(text: str, dialect: str, where: Location) -> list[list[Token]]:
    from sqlglot import Dialect, TokenError

    try:
        tokens = Dialect.get_or_raise(dialect).tokenize(text)
    except TokenError as error:
        # its message quotes the text, which could be part of a secret; the cause names the missing character
        found = re.match(r"Missing (\S{1,4}) from (?:line )?(\d+)", str(error.__cause__ or ""))
        said = (
            f"{found[1]} is missing: the part that begins in line {found[2]} is not closed"
            if found
            else "a quote or a comment is not closed"
        )
        raise RenderError(f"invalid SQL: {said}", where=where, code="FFT-403") from None
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type.name == "SEMICOLON":
            statements.append([])
        else:
            statements[-1].append(token)
    return [statement for statement in statements if statement]


def _after_create(tokens: list[Token]) -> list[Token]:
    """Skip `create [or replace] [temp] table|view name as`."""
    if tokens[0].token_type.name != "CREATE":
        return tokens
    words = [token.text.upper() for token in tokens[:12]]
    if "AS" not in words or not {"TABLE", "VIEW"} & set(words[: words.index("AS")]):
        return tokens
    return tokens[words.index("AS") + 1 :]


def _start(statement: list[Token]) -> str:
    return repr(" ".join(token.text for token in statement[:4]) + " ...")
