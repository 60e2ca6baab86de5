"""Reasons why the rows of a query change although no tracked input did: clocks, chance, files, other tables.

A function counts as steady only if it is known to be. Unknown functions are named, for the plan to ask the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokens import Token  # type: ignore[attr-defined]

from fft_core.names.functions import KnownFunctions
from fft_core.plan.canonical import tokens_of
from fft_core.plan.relations import name_of, only_tracked, parsed, table_functions, untracked_tables
from fft_core.plan.uses import uses_of


@dataclass(frozen=True)
class SqlReading:
    """The relations and functions that a query uses, beside tracked relations.

    Attributes:
        volatile: Reasons why its rows change by themselves; empty if none is known.
        unknown: Functions that are not built into the engine: users made them, or FFT does not know them.
        names: All names that users may have defined, or defined again under a known name.
    """

    volatile: tuple[str, ...]
    unknown: tuple[str, ...]
    names: tuple[str, ...]


def read_sql(
    sql: str,
    dialect: str,
    known: KnownFunctions,
    *,
    tracked: Collection[str] | None = None,
    tokens: list[Token] | None = None,
) -> SqlReading:
    """Find the relations and functions that a query uses.

    Args:
        sql: A query in which every tracked relation has a name that begins with "@".
        dialect: The dialect of its engine.
        known: The functions of the engine.
        tracked: The names of the tracked relations; without it, all names that begin with "@".
        tokens: The tokens of the query, if they are known already.
    """
    tokens = tokens_of(sql, dialect) if tokens is None else tokens
    uses = uses_of(tokens, known)
    if only_tracked(tokens, tracked) and not uses.unknown:
        return SqlReading(uses.changing, (), uses.names)
    tree = parsed(sql, dialect)
    if tree is None:
        return SqlReading((*uses.changing, "a part that could not be parsed and may be a table"), (), uses.names)
    volatile = dict.fromkeys(uses.changing)
    for name in table_functions(tree, sql):
        if name in known.steady and name not in known.rows:  # in FROM, it is another function of that name
            volatile[f"{name}()"] = None
    for table in untracked_tables(tree, known, tracked):
        volatile[f"{name_of(table)}, which is not named by ref() or source()"] = None
    return SqlReading(tuple(volatile), tuple(_called(uses.unknown, tokens, tree)), uses.names)


def _called(names: tuple[str, ...], tokens: list[Token], tree: exp.Expr) -> Iterator[str]:
    """Yield the words before parentheses, without CTEs and aliases with columns."""
    aliases = [a.name.lower() for a in tree.find_all(exp.TableAlias) if a.args.get("columns") and a.this is not None]
    for name in names:
        word = name.rpartition(".")[2].lower()
        if sum(token.text.lower() == word and after.text == "(" for token, after in pairwise(tokens)) > aliases.count(
            word
        ):
            yield name
