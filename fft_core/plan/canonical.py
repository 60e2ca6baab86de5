"""Canonical SQL: a query without the details that do not affect its rows. Slow to import; used for changed SQL only."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlglot import TokenType
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokens import Token  # type: ignore[attr-defined]


def canonical_sql(sql: str, dialect: str) -> str:
    """Return SQL without comments and white space, with keywords, types and functions in capitals.

    Names keep their case, since it shows in the columns of the result. Literals of every kind keep theirs, too.

    >>> canonical_sql("SELECT a -- b", "duckdb") == canonical_sql("select  a", "duckdb")
    True
    >>> canonical_sql("select 1 as Date", "duckdb") == canonical_sql("select 1 as date", "duckdb")
    False
    """
    return canonical(tokens_of(sql, dialect))


def canonical(tokens: list[Token]) -> str:
    """Return the canonical form of SQL that is split into tokens."""
    return json.dumps([(token.token_type.name, text) for token, text in zip(tokens, _texts(tokens), strict=True)])


def tokens_of(sql: str, dialect: str) -> list[Token]:
    """Split SQL into tokens, without comments and without a semicolon at the end."""
    tokens: list[Token] = list(Dialect.get_or_raise(dialect).tokenize(sql))
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    return tokens


_TEXTS = frozenset(kind for kind in TokenType if kind.name.endswith("STRING")) | {TokenType.IDENTIFIER}
# Keywords that can name a column only if they are quoted; after AS or a dot, some engines take them as names, too.
_NEVER_NAMES = frozenset(
    "SELECT|FROM|WHERE|DISTINCT|ALL|NULL|TRUE|FALSE|ASC|DESC|END|CASE|ELSE|THEN|WHEN|AND|OR|NOT|IN|IS|LIKE|ILIKE|AS|ON|"
    "BETWEEN|EXISTS|USING|ORDER BY|GROUP BY|HAVING|QUALIFY|WINDOW|LIMIT|OFFSET|UNION|EXCEPT|INTERSECT|WITH|JOIN|LEFT|"
    "RIGHT|FULL|INNER|OUTER|CROSS|NATURAL|LATERAL|PARTITION BY|CURRENT_DATE|CURRENT_TIMESTAMP|EXCLUDE".split("|")
)


def _texts(tokens: list[Token]) -> Iterator[str]:
    """Yield the text of each token, in capitals if its case does not count."""
    casts = [False]  # for each open parenthesis: whether it belongs to a cast, where AS precedes a type
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.token_type is TokenType.L_PAREN:
            casts.append(before is not None and before.text.upper() in ("CAST", "TRY_CAST", "SAFE_CAST"))
        elif token.token_type is TokenType.R_PAREN and len(casts) > 1:
            casts.pop()
        follows = before.token_type if before else None
        is_name = follows is TokenType.DOT or (follows is TokenType.ALIAS and not casts[-1])
        is_type = follows is TokenType.DCOLON or (follows is TokenType.ALIAS and casts[-1])
        is_called = after is not None and after.token_type in (TokenType.L_PAREN, TokenType.STRING)
        is_keyword = token.text.upper() in _NEVER_NAMES or is_type or is_called
        keeps = token.token_type in _TEXTS or is_name or not is_keyword
        yield token.text if keeps else token.text.upper()
