"""Relations that a query reads without ref() or source(), as the syntax tree shows them.

For the plainest queries the tokens are enough, which is quicker. In all cases of doubt the tree decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import takewhile

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.tokens import Token  # type: ignore[attr-defined]

from fft_core.names import SYMBOL
from fft_core.names.functions import KnownFunctions

# Errors of the parser for SQL that it does not know.
UNREADABLE = (
    sqlglot.errors.SqlglotError,
    AttributeError,  # the parser itself fails now and then
    TypeError,
    ValueError,
    LookupError,
    RecursionError,
)


def parsed(sql: str, dialect: str) -> exp.Expr | None:
    """Return the syntax tree of one query; None if there is none, or if it keeps a part only as text.

    >>> parsed("select 1 as a", "duckdb").selects[0].alias
    'a'
    >>> parsed("select from where", "duckdb")
    """
    try:
        trees = sqlglot.parse(sql, dialect=dialect)
    except UNREADABLE:
        return None
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Query | exp.Values | exp.Pivot | exp.Summarize | exp.Describe):
        return None
    return None if tree.find(exp.Command, exp.Show) else tree


def untracked_tables(
    tree: exp.Expr, known: KnownFunctions, tracked: Collection[str] | None = None
) -> Iterator[exp.Table]:
    """Yield the relations in a query that are neither tracked, nor functions, nor CTEs of the query.

    `known` defines how the engine compares names. `tracked` has the tracked relations; without it, a name that begins
    with "@" is tracked.
    """
    for table in tree.find_all(exp.Table):
        if _has_name(table) and not _is_tracked(table, tracked) and not _is_cte(table, known):
            yield table


def _has_name(table: exp.Table) -> bool:
    """Return whether a table has a name, and is not a function, a list of values or a query."""
    holds_rows = isinstance(table.this, exp.Func | exp.UDTF | exp.Query)
    return not holds_rows and not (table.this is None and table.args.get("rows_from"))


def table_functions(tree: exp.Expr, sql: str) -> Iterator[str]:
    """Yield the functions in FROM, as they are written, in small letters."""
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func) and "start" in table.this.meta:
            called = sql[table.this.meta["start"] :].partition("(")[0]
            yield called.rpartition(".")[2].strip().strip('"').lower()


def name_of(table: exp.Table) -> str:
    """Return the name of a relation as the query writes it."""
    parts = [part for part in (table.catalog, table.db, table.name) if part]
    return ".".join(parts) or table.sql()


def _is_tracked(table: exp.Table, tracked: Collection[str] | None) -> bool:
    is_name = isinstance(table.this, exp.Identifier) and not table.db
    is_given = table.name.startswith(SYMBOL) if tracked is None else table.name in tracked
    return is_name and is_given and not table.args.get("version") and not table.args.get("when")


# `from (show t)` of DuckDB looks like a table with an alias.
_STATEMENTS = frozenset("show desc describe summarize pivot unpivot table".split())


def _is_cte(table: exp.Table, known: KnownFunctions) -> bool:
    """Return whether an unqualified name means a CTE: one that is visible at its place in the query."""
    if table.db or not isinstance(table.this, exp.Identifier):
        return False
    name = _folded(table.this, known)
    if name in _STATEMENTS and not table.this.quoted:
        return False
    node: exp.Expr = table
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.With):
            visible = _seen_from(parent, node, known)
        else:
            with_ = parent.args.get("with_")
            visible = with_.expressions if isinstance(with_, exp.With) and with_ is not node else []
        if any(_folded(alias, known) == name for cte in visible if (alias := _alias(cte)) is not None):
            return True
        node = parent
    return False


def _seen_from(with_: exp.With, cte: exp.Expr, known: KnownFunctions) -> list[exp.Expr]:
    """Return the CTEs of a WITH that the body of one of them can name.

    In Postgres, the CTEs of a recursive WITH can name each other in any order. In DuckDB, only a CTE that is a union is
    recursive; in any other body its name means a table.
    """
    before: list[exp.Expr] = with_.expressions[: with_.expressions.index(cte)]
    if not with_.recursive:
        return before
    if known.recursive_with_sees_all:
        return list(with_.expressions)
    return [*before, cte] if isinstance(cte.this, exp.Union) else before


def _alias(cte: exp.Expr) -> exp.Identifier | None:
    alias = cte.args.get("alias")
    name = alias.this if isinstance(alias, exp.TableAlias) else None
    return name if isinstance(name, exp.Identifier) else None


_CAPITALS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def _folded(name: exp.Identifier, known: KnownFunctions) -> str:
    """Return a name as the engine compares it: letters beyond ASCII keep their case."""
    is_exact = name.quoted and known.quoted_names_keep_case
    return name.name if is_exact else name.name.translate(_CAPITALS)


def only_tracked(tokens: list[Token], tracked: Collection[str] | None = None) -> bool:
    """Return whether the tokens show that only tracked relations are read. False means: ask the tree.

    This is so for a SELECT, perhaps with CTEs with simple names in front, in which one name follows every FROM and
    JOIN, without a comma after it.
    """
    if not tokens or tokens[0].token_type not in (TokenType.SELECT, TokenType.WITH):
        return False
    ctes = _cte_bodies(tokens)
    if ctes is None or not _is_plain(tokens):
        return False
    for index, token in enumerate(tokens[:-1]):
        if token.token_type not in _BEFORE_TABLES:
            continue
        target, after = tokens[index + 1], tokens[index + 2] if index + 2 < len(tokens) else None
        is_given = target.text.startswith(SYMBOL) if tracked is None else target.text in tracked
        is_tracked = target.token_type is TokenType.IDENTIFIER and is_given
        is_name = target.token_type is TokenType.VAR
        is_cte = is_name and ctes.get(target.text.translate(_CAPITALS), len(tokens)) < index
        if not (is_tracked or is_cte) or _lists_tables(tokens, index):
            return False
        if after is not None and (after.token_type in _AFTER_OTHERS or after.text.lower() == "at"):
            return False
    return tokens[-1].token_type not in _BEFORE_TABLES


_BEFORE_TABLES = frozenset({TokenType.FROM, TokenType.JOIN})
_AFTER_OTHERS = frozenset({TokenType.DOT, TokenType.L_PAREN, TokenType.COLON, TokenType.STRING})
_SETS = frozenset({TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT})
_AFTER_SETS = frozenset({TokenType.ALL, TokenType.DISTINCT, TokenType.SELECT})
# Words of statements and clauses that read a table in another way, or name something.
_NOT_PLAIN = frozenset(
    "pivot unpivot pivot_wider pivot_longer table summarize describe show window lateral match_recognize only "
    "apply recursive values tablesample sample graph_table json_table xmltable straight_join".split()
)


def _is_plain(tokens: list[Token]) -> bool:
    for index, token in enumerate(tokens):
        kind, before = token.token_type, tokens[index - 1].token_type if index else None
        if kind is TokenType.IDENTIFIER or kind is TokenType.STRING:
            continue
        if token.text.lower() in _NOT_PLAIN or kind is TokenType.SEMICOLON:
            return False
        if kind is TokenType.WITH and index:
            return False
        if before is TokenType.L_PAREN and kind in (TokenType.FROM, TokenType.DESC):
            return False
        if before in _SETS and kind not in _AFTER_SETS:
            return False
    return True


_ENDS_FROM = frozenset(
    {
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.QUALIFY,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.UNION,
        TokenType.EXCEPT,
        TokenType.INTERSECT,
    }
)


def _lists_tables(tokens: list[Token], start: int) -> bool:
    """Return whether a FROM or JOIN lists several tables, separated by commas."""
    clause = takewhile(lambda token: token.token_type not in _ENDS_FROM, on_one_level(tokens, start + 1))
    return any(token.token_type is TokenType.COMMA for token in clause)


def on_one_level(tokens: list[Token], start: int) -> Iterator[Token]:
    """Yield the tokens from `start` to the end of its parenthesis, without those in inner parentheses."""
    depth = 0
    for token in tokens[start:]:
        depth -= token.token_type in _CLOSING
        if depth < 0:
            return
        if depth == 0:
            yield token
        depth += token.token_type in _OPENING


_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})


def _cte_bodies(tokens: list[Token]) -> dict[str, int] | None:
    """Return the end of each CTE in front of a query; None if one is not `name as (...)`, or a name is there twice."""
    ends: dict[str, int] = {}
    if tokens[0].token_type is not TokenType.WITH:
        return ends
    index = 1
    while True:
        head = tokens[index : index + 3]
        if [t.token_type for t in head] != [TokenType.VAR, TokenType.ALIAS, TokenType.L_PAREN]:
            return None
        name, index = head[0].text.translate(_CAPITALS), _closing(tokens, index + 2)
        if name in ends or name in _STATEMENTS or index + 1 >= len(tokens):
            return None
        ends[name] = index
        if tokens[index + 1].token_type is not TokenType.COMMA:
            return ends if tokens[index + 1].token_type is TokenType.SELECT else None
        index += 2


def _closing(tokens: list[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        kind = tokens[index].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth == 0:
            return index
    return len(tokens)
