"""What makes the rows of a query change although nothing that we track did: clocks, chance, files, other tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, takewhile

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.tokens import Token  # type: ignore[attr-defined]

from fft_core.names import SYMBOL
from fft_core.plan.canonical import tokens_of

# Names that need no parentheses, or are functions, on at least one of the engines.
_CLOCKS = frozenset(
    "now today current_date current_time current_timestamp current_datetime localtime localtimestamp "
    "get_current_timestamp get_current_time current_localtime current_localtimestamp transaction_timestamp "
    "statement_timestamp clock_timestamp timeofday sysdate systimestamp getdate unix_timestamp curdate curtime "
    "utc_date utc_time utc_timestamp".split()
)
_WITHOUT_PARENTHESES = frozenset(
    "current_date current_time current_timestamp current_datetime localtime localtimestamp sysdate systimestamp".split()
)
_CHANCE = frozenset(
    "random rand setseed uuid gen_random_uuid generate_uuid uuidv4 uuidv7 uuid_string randstr uniform nextval "
    "currval lastval setval txid_current pg_current_xact_id seq1 seq2 seq4 seq8 monotonically_increasing_id".split()
)
# What a session holds, beside its rows.
_SESSION = frozenset("current_setting getvariable current_query current_query_id current_connection_id".split())
_FILES = frozenset(
    "read_csv read_csv_auto sniff_csv read_parquet parquet_scan parquet_metadata read_json read_json_auto "
    "read_ndjson read_ndjson_auto read_json_objects read_json_objects_auto read_ndjson_objects read_duckdb read_text "
    "read_blob glob postgres_scan postgres_query mysql_scan mysql_query "
    "sqlite_scan sqlite_query iceberg_scan delta_scan st_read read_xlsx read_files external_query dblink query "
    "query_table".split()
)
_VOLATILE = _CLOCKS | _CHANCE | _SESSION | _FILES
# What may stand for a table in FROM and makes its rows from its arguments alone.
_ROWS_OF_ARGUMENTS = frozenset(
    "exploding_generate_series "  # what sqlglot calls generate_series of Postgres
    "range generate_series unnest repeat repeat_row json_each json_tree jsonb_each jsonb_each_text json_each_text "
    "json_array_elements json_array_elements_text jsonb_array_elements jsonb_array_elements_text json_object_keys "
    "jsonb_object_keys json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset generate_subscripts "
    "string_to_table regexp_split_to_table regexp_matches flatten split_to_table explode explode_outer posexplode "
    "posexplode_outer inline inline_outer stack json_tuple generate_array generate_date_array sequence".split()
)


def volatile_in_sql(sql: str, dialect: str) -> tuple[str, ...]:
    """Name what makes the rows of a query change by themselves; empty where nothing does.

    Args:
        sql: A query in which every tracked relation has a name that begins with "@".
        dialect: The engine's.

    >>> volatile_in_sql('select now() as t from "@users"', "duckdb")
    ('now()',)
    >>> volatile_in_sql('select * from raw.users', "duckdb")
    ('raw.users, which is not named by ref() or source()',)
    """
    tokens = tokens_of(sql, dialect)
    found = [f"{name}()" for name in _functions(tokens)]
    words = [token.text.lower() for token in tokens]
    if "tablesample" in words or ("using", "sample") in pairwise(words):
        found.append("sampling")
    if not _only_tracked(tokens):
        found += [f"{name}, which is not named by ref() or source()" for name in _untracked(sql, dialect)]
    return tuple(dict.fromkeys(found))


def _functions(tokens: list[Token]) -> Iterator[str]:
    for index, token in enumerate(tokens):
        name = token.text.lower()
        if token.token_type is TokenType.STRING:
            continue
        is_call = index + 1 < len(tokens) and tokens[index + 1].token_type is TokenType.L_PAREN
        after_dot = index > 0 and tokens[index - 1].token_type is TokenType.DOT
        bare = name in _WITHOUT_PARENTHESES and not after_dot and token.token_type is not TokenType.IDENTIFIER
        is_age_of_now = name == "age" and is_call and not _has_comma(tokens, index + 1)  # until today
        if (name in _VOLATILE or is_age_of_now) if is_call else bare:
            yield name


def _has_comma(tokens: list[Token], opening: int) -> bool:
    return any(t.token_type is TokenType.COMMA for t in _on_one_level(tokens, opening + 1))


def _on_one_level(tokens: list[Token], start: int) -> Iterator[Token]:
    """The tokens from `start` to the end of its parenthesis, without what is in further ones."""
    depth = 0
    for token in tokens[start:]:
        depth -= token.token_type is TokenType.R_PAREN
        if depth < 0:
            return
        if depth == 0:
            yield token
        depth += token.token_type is TokenType.L_PAREN


# Statements that read a table without FROM.
_READ_WITHOUT_FROM = frozenset(
    {TokenType.PIVOT, TokenType.UNPIVOT, TokenType.TABLE, TokenType.SUMMARIZE, TokenType.DESCRIBE, TokenType.SHOW}
)
_ENDS_FROM = frozenset(
    {
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.QUALIFY,
        TokenType.WINDOW,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.UNION,
        TokenType.EXCEPT,
        TokenType.INTERSECT,
    }
)


def _only_tracked(tokens: list[Token]) -> bool:
    """Whether the tokens show plainly that only tracked relations are read. False means: look closer."""
    ctes = _cte_bodies(tokens)
    for index, token in enumerate(tokens):
        if token.token_type in _READ_WITHOUT_FROM:
            return False
        if token.token_type not in (TokenType.FROM, TokenType.JOIN):
            continue
        if index + 1 == len(tokens) or _lists_tables(tokens, index):
            return False
        target = tokens[index + 1]
        is_tracked = target.token_type is TokenType.IDENTIFIER and target.text.startswith(SYMBOL)
        is_cte = ctes.get(target.text.lower(), len(tokens)) < index  # only after its body does the name mean the CTE
        is_qualified = index + 2 < len(tokens) and tokens[index + 2].token_type is TokenType.DOT
        if is_qualified or not (is_tracked or is_cte or target.token_type is TokenType.L_PAREN):
            return False
    return True


def _lists_tables(tokens: list[Token], start: int) -> bool:
    """Whether a comma follows in a FROM or JOIN."""
    clause = takewhile(lambda token: token.token_type not in _ENDS_FROM, _on_one_level(tokens, start + 1))
    return any(token.token_type is TokenType.COMMA for token in clause)


def _cte_bodies(tokens: list[Token]) -> dict[str, int]:
    """Where the body of each `name as (...)` of the outermost query ends; a name with two of them is left out."""
    ends: dict[str, int] = {}
    depth = 0
    for index, token in enumerate(tokens[:-2]):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and [t.token_type for t in tokens[index + 1 : index + 3]] == [TokenType.ALIAS, TokenType.L_PAREN]:
            name = token.text.lower()
            ends[name] = len(tokens) if name in ends else _closing(tokens, index + 2)
    return ends


def _closing(tokens: list[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        kind = tokens[index].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth == 0:
            return index
    return len(tokens)


def _untracked(sql: str, dialect: str) -> list[str]:
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except sqlglot.errors.SqlglotError:
        return ["something that could not be read, so that it may be a table"]
    if isinstance(tree, exp.Command) or tree.find(exp.Command, exp.Show):
        return ["something that could not be read, so that it may be a table"]
    names = []
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            is_unknown = isinstance(table.this, exp.Anonymous)  # sqlglot has no class for it
            function = (table.this.name if is_unknown else table.this.sql_name()).lower()
            if function not in _ROWS_OF_ARGUMENTS | _VOLATILE:  # the latter are found by their names
                names.append(f"{function}()")
        elif _is_untracked(table):
            names.append(".".join(part for part in (table.catalog, table.db, table.name) if part))
    return names


def untracked_tables(tree: exp.Expr) -> Iterator[exp.Table]:
    """Find the tables in a query that are no tracked relations, functions or names of its own."""
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Func) and _is_untracked(table):
            yield table


def _is_untracked(table: exp.Table) -> bool:
    return bool(table.name) and not table.name.startswith(SYMBOL) and not _is_cte(table)


def _is_cte(table: exp.Table) -> bool:
    """Whether an unqualified name means a CTE: one of a query around it, defined before the place where it stands."""
    node: exp.Expr | None = table
    while node is not None and not table.db:
        parent = node.parent
        if isinstance(parent, exp.With):
            before = parent.expressions if parent.recursive else parent.expressions[: parent.expressions.index(node)]
            names = {cte.alias.lower() for cte in before}
        else:
            with_ = parent.args.get("with_") if parent else None
            names = {cte.alias.lower() for cte in with_.expressions} if with_ and with_ is not node else set()
        if table.name.lower() in names:
            return True
        node = parent
    return False
