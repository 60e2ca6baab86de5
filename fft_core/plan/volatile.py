"""What makes rows change although nothing that we track did: clocks, random numbers, files, untracked tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.tokens import Token  # type: ignore[attr-defined]

from fft_core.plan.fingerprint import tokens_of

# Names that need no parentheses, or are functions, on at least one of the engines.
_CLOCKS = frozenset(
    "now today current_date current_time current_timestamp current_datetime localtime localtimestamp "
    "get_current_timestamp get_current_time transaction_timestamp statement_timestamp clock_timestamp "
    "timeofday sysdate systimestamp getdate unix_timestamp curdate curtime utc_timestamp".split()
)
_WITHOUT_PARENTHESES = frozenset("current_date current_time current_timestamp localtime localtimestamp sysdate".split())
_CHANCE = frozenset(
    "random rand setseed uuid gen_random_uuid generate_uuid uuidv4 uuidv7 uuid_string randstr uniform nextval "
    "currval txid_current pg_current_xact_id seq1 seq2 seq4 seq8 monotonically_increasing_id".split()
)
_FILES = frozenset(
    "read_csv read_csv_auto sniff_csv read_parquet parquet_scan parquet_metadata read_json read_json_auto "
    "read_ndjson read_ndjson_auto read_text read_blob glob postgres_scan postgres_query mysql_scan mysql_query "
    "sqlite_scan sqlite_query iceberg_scan delta_scan st_read read_xlsx read_files external_query dblink query "
    "query_table".split()
)
SYMBOL = "@"


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


def volatile_in_python(source: str) -> tuple[str, ...]:
    """Name the calls in a module that read a clock, chance, files or the network; a guess by their names."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            if name and _is_volatile_call(name):
                found.append(f"{name}()")
    return tuple(dict.fromkeys(found))


_PYTHON_LAST = frozenset(
    "now utcnow today time_ns monotonic perf_counter uuid1 uuid4 urandom getrandbits randint randrange "
    "token_hex default_rng urlopen urlretrieve get_df get_json read_csv read_parquet read_json read_excel "
    "read_sql read_sql_query read_table scan_csv scan_parquet read_text read_bytes open connect create_engine".split()
)
_PYTHON_ROOTS = frozenset({"requests", "httpx", "urllib3", "boto3", "random", "secrets", "socket", "subprocess"})


def _is_volatile_call(name: str) -> bool:
    parts = name.split(".")
    return parts[-1] in _PYTHON_LAST or parts[0] in _PYTHON_ROOTS or name == "time.time" or ".random." in f".{name}."


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return None


def _functions(tokens: list[Token]) -> Iterator[str]:
    for index, token in enumerate(tokens):
        name = token.text.lower()
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        is_call = index + 1 < len(tokens) and tokens[index + 1].token_type is TokenType.L_PAREN
        after_dot = index > 0 and tokens[index - 1].token_type is TokenType.DOT
        bare = name in _WITHOUT_PARENTHESES and not after_dot
        if name in _CLOCKS | _CHANCE | _FILES if is_call else bare:
            yield name


def _only_tracked(tokens: list[Token]) -> bool:
    """Whether the tokens show plainly that only tracked relations are read. False means: look closer."""
    ctes = _cte_bodies(tokens)
    for index, token in enumerate(tokens):
        if token.token_type not in (TokenType.FROM, TokenType.JOIN):
            continue
        if index + 1 == len(tokens):
            return False
        target, *after = tokens[index + 1 : index + 5]
        kinds = [following.token_type for following in after]
        if TokenType.COMMA in kinds or kinds[:1] == [TokenType.DOT]:
            return False
        is_tracked = target.token_type is TokenType.IDENTIFIER and target.text.startswith(SYMBOL)
        is_cte = ctes.get(target.text.lower(), len(tokens)) < index  # only after its body does the name mean the CTE
        if not is_tracked and not is_cte and target.token_type is not TokenType.L_PAREN:
            return False
    return True


def _cte_bodies(tokens: list[Token]) -> dict[str, int]:
    """Where the body of each `name as (...)` ends; a name with two of them is left out."""
    ends: dict[str, int] = {}
    for index in range(len(tokens) - 2):
        if tokens[index + 1].token_type is TokenType.ALIAS and tokens[index + 2].token_type is TokenType.L_PAREN:
            name = tokens[index].text.lower()
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
    names = []
    for table in tree.find_all(exp.Table):
        is_named = bool(table.name) and not isinstance(table.this, exp.Func)
        if is_named and not table.name.startswith(SYMBOL) and not _is_cte(table):
            names.append(".".join(part for part in (table.catalog, table.db, table.name) if part))
    return names


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
