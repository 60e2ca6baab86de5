"""Detection of queries whose rows have an order, which readers may see. Slow to import: it splits SQL into tokens."""

from __future__ import annotations

from sqlglot import TokenType

from fft_core.plan.canonical import tokens_of

# First words of a parenthesis with a query in it; the other ones are those of windows, aggregates and expressions.
_BEGINS_QUERY = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.FROM, TokenType.VALUES, TokenType.TABLE})


def sorts_rows(sql: str, dialect: str) -> bool:
    """Return whether a query, or one that it selects its rows from, has an ORDER BY of its own.

    >>> sorts_rows("with sorted as (select a from t order by a) select * from sorted", "duckdb")
    True
    >>> sorts_rows("select row_number() over (order by a), list(b order by a) from t", "duckdb")
    False
    >>> sorts_rows("select unnest(list(a order by b)) from t", "duckdb")
    True
    """
    tokens = tokens_of(sql, dialect)
    is_unnested = any(token.text.lower() == "unnest" for token in tokens)  # rows in the order of an array
    are_queries = [True]  # for each open parenthesis
    for before, token, after in zip([None, *tokens[:-1]], tokens, [*tokens[1:], None], strict=True):
        if token.token_type is TokenType.L_PAREN:
            begins = after is not None and after.token_type
            nests = are_queries[-1] and begins is TokenType.L_PAREN  # as ((select ...) union (select ...)) order by
            is_array = is_unnested and before is not None and before.token_type is not TokenType.OVER
            are_queries.append(begins in _BEGINS_QUERY or nests or is_array)
        elif token.token_type is TokenType.R_PAREN and len(are_queries) > 1:
            are_queries.pop()
        elif token.token_type is TokenType.ORDER_BY and are_queries[-1]:
            return True
    return False
