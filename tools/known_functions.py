"""Write the properties of the engines' functions, from the engines' own catalogs and from corrections in this file.

    make functions

writes fft_core/engines/*/functions.json again: from the installed DuckDB, and from the Postgres that FF_PG_DSN names,
or the one of the tests. Read the difference: functions that are new there count as steady from then on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg

from fft_core.names.functions import KnownFunctions
from fft_core.plan.canonical import tokens_of
from fft_core.plan.uses import uses_of

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "engines"))

from postgres_server import running_server  # noqa: E402


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of grammar before a parenthesis, although both engines list them as unreserved keywords.
_GRAMMAR = words(
    "over filter within materialized sets cube rollup varying ordinality columns exclude rename zone passing escape "
    "first"
)

# DuckDB's parser turns these into expressions without a function in the catalog.
_DUCKDB_GRAMMAR = words("ifnull try unpack key name")

DUCKDB_BARE = words(
    "current_date current_time current_timestamp localtime localtimestamp current_schema current_catalog"
)
# The catalog calls these CONSISTENT, which is wrong.
DUCKDB_CHANGING = words(
    "current_localtime current_localtimestamp "  # clocks
    "reservoir_quantile "  # a sample
    "version "  # of the installed DuckDB
    "index_key json_serialize_plan "  # read a table, or the catalog
    "python_map_function "
    "add_parquet_key"
)
# The catalog calls these VOLATILE only to keep them from being computed while a query is planned: they raise an error.
DUCKDB_STEADY = words("error")
# Ordered aggregates in the grammar, for which the parser calls quantile_cont and quantile_disc.
DUCKDB_ORDERED = words("percentile_cont percentile_disc")
# `error` and the macros that call it are steady; macros that read the catalog are found by reading their bodies.
DUCKDB_COUNTS = {"age": frozenset({2})}  # with one argument it reads the clock
DUCKDB_ROWS = words("range generate_series unnest repeat repeat_row json_each json_tree")
# Functions behind operators, brackets and clauses. A macro with such a name is called by queries that do not name it.
DUCKDB_IMPLICIT = words(
    "list_value struct_pack struct_extract array_extract array_slice list_extract map map_extract element_at row "
    "date_part timezone count_star list_transform list_filter list_apply list_concat concat contains nullif if "
    "unnest trim ltrim rtrim position substring overlay regexp_full_match like_escape not_like_escape ilike_escape "
    "not_ilike_escape add subtract multiply divide mod array_value list_contains variant_extract json_extract "
    "json_extract_string struct_extract_at current_date current_time current_timestamp localtime localtimestamp "
    "get_current_timestamp get_current_time current_localtime current_localtimestamp to_years to_months to_days "
    "to_hours to_minutes to_seconds to_weeks to_milliseconds to_microseconds to_decades to_centuries to_millennia "
    "to_quarters year month day hour minute second current_user session_user current_role user current_schema "
    "current_catalog first last any_value coalesce constant_or_null union_extract array_transform array_filter now"
)

PG_BARE = words(
    "current_date current_time current_timestamp localtime localtimestamp current_schema current_catalog "
    "current_user session_user user current_role system_user"
)
# STABLE in the catalog, and steady under the settings that FFT's sessions pin: TimeZone, DateStyle, IntervalStyle,
# bytea_output, extra_float_digits, search_path. Functions that depend on the locale or the encoding of the database
# are included: these do not change by themselves.
PG_STEADY = words(
    "array_to_json array_to_string concat concat_ws convert convert_from convert_to date date_add date_part "
    "date_subtract date_trunc enum_first enum_last enum_range extract format generate_series in_range json_agg "
    "json_agg_strict json_build_array json_build_object json_object_agg json_object_agg_strict json_object_agg_unique "
    "json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_build_array jsonb_build_object jsonb_object_agg "
    "jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict json_populate_record "
    "json_populate_recordset json_to_record json_to_recordset jsonb_path_exists_tz jsonb_path_match_tz "
    "jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record "
    "jsonb_populate_record_valid jsonb_populate_recordset jsonb_to_record jsonb_to_recordset length make_timestamptz "
    "money numeric overlaps pg_typeof quote_literal quote_nullable row_to_json time timestamp timestamptz timetz "
    "to_char to_date to_json to_jsonb to_number to_timestamp timezone xml xml_is_well_formed "
    "timestamptz_pl_interval timestamptz_mi_interval interval_pl_timestamptz"
)
# IMMUTABLE in the catalog, but not steady for FFT: they read the state of the server.
PG_CHANGING = words("pg_visible_in_snapshot pg_partition_root pg_walfile_name pg_walfile_name_offset")
# Steady only with this number of arguments: with fewer, they read the clock or a setting that sessions do not pin.
PG_COUNTS = {
    "age": frozenset({2}),
    "timezone": frozenset({2}),
    "to_tsvector": frozenset({2}),
    "plainto_tsquery": frozenset({2}),
    "phraseto_tsquery": frozenset({2}),
    "websearch_to_tsquery": frozenset({2}),
    "to_tsquery": frozenset({2}),
    "json_to_tsvector": frozenset({3}),
    "jsonb_to_tsvector": frozenset({3}),
    "ts_headline": frozenset({4}),
    "ts_rewrite": frozenset({3}),
}
PG_CLOCK_WORDS = words("now today tomorrow yesterday")
PG_DATE_WORDS = words(
    "allballs am pm at on time of t z dst epoch infinity ad bc monday mon tuesday tue tues wednesday wed weds thursday "
    "thu thur thurs friday fri saturday sat sunday sun"
)
PG_COLUMNS = words("ctid xmin xmax cmin cmax tableoid")


def duckdb_functions() -> tuple[KnownFunctions, str]:
    connection = duckdb.connect()

    def names(query: str) -> frozenset[str]:
        return frozenset(str(row[0]).lower() for row in connection.execute(query).fetchall())

    of = "select distinct function_name from duckdb_functions() where internal and function_type"
    scalar = f"{of} in ('scalar', 'aggregate', 'window')"
    unsteady = names(f"{scalar} and stability <> 'CONSISTENT'") - DUCKDB_STEADY | DUCKDB_CHANGING
    steady = (names(scalar) | DUCKDB_ORDERED) - unsteady - DUCKDB_COUNTS.keys()
    tables = names(f"{of} in ('table', 'table_macro', 'pragma')")
    syntax = (
        _GRAMMAR
        | _DUCKDB_GRAMMAR
        | names("select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'")
    )
    types = names("select type_name from duckdb_types() where internal") | words(
        "struct map union list array enum precision varying with without time zone local tz character geometry"
    )
    known = KnownFunctions(
        steady=steady | DUCKDB_ROWS,
        rows=DUCKDB_ROWS,
        changing=(unsteady | tables | DUCKDB_BARE) - steady - DUCKDB_ROWS,
        bare=DUCKDB_BARE,
        counts=DUCKDB_COUNTS,
        syntax=syntax - DUCKDB_BARE - tables,
        types=types,
        changing_types=frozenset(),
        columns=frozenset({"rowid"}),
        clock_words=frozenset(),
        date_words=frozenset(),
        implicit=DUCKDB_IMPLICIT,
        quoted_names_keep_case=False,
        recursive_with_sees_all=False,
    )
    bodies: dict[str, list[str]] = {}
    for name, body in connection.execute(
        "select lower(function_name), macro_definition from duckdb_functions() "
        "where internal and function_type = 'macro'"
    ).fetchall():
        bodies.setdefault(name, []).append(body)
    return _with_macros(known, bodies), duckdb.__version__


def _with_macros(known: KnownFunctions, bodies: Mapping[str, list[str]]) -> KnownFunctions:
    """Add the macros that come with DuckDB: a macro is steady if its body only uses steady functions."""
    steady, rest = set[str](), dict(bodies)
    while True:
        so_far = _replaced(known, steady=known.steady | steady)
        found = {name for name, texts in rest.items() if all(_is_steady(text, so_far) for text in texts)}
        if not found:
            changing = (known.changing | frozenset(rest)) - steady
            return _replaced(known, steady=(known.steady | steady) - rest.keys(), changing=changing)
        steady |= found
        rest = {name: texts for name, texts in rest.items() if name not in found}


def _is_steady(body: str, known: KnownFunctions) -> bool:
    tokens = tokens_of(body, "duckdb")
    uses = uses_of(tokens, known)
    return not uses.changing and not uses.unknown and "from" not in [token.text.lower() for token in tokens]


def _replaced(known: KnownFunctions, **parts: frozenset[str]) -> KnownFunctions:
    return KnownFunctions(**{**{name: getattr(known, name) for name in asdict(known)}, **parts})


def postgres_functions(dsn: str) -> tuple[KnownFunctions, str]:
    with psycopg.connect(dsn, autocommit=True) as connection:

        def names(query: str) -> frozenset[str]:
            return frozenset(str(row[0]).lower() for row in connection.execute(query.encode()).fetchall())

        builtin = "from pg_catalog.pg_proc where oid < 16384 and pronamespace = 'pg_catalog'::regnamespace"
        every = names(f"select proname {builtin}")
        unsteady = names(f"select proname {builtin} and provolatile <> 'i'") - PG_STEADY | PG_CHANGING
        takes_internals = names(
            f"select proname {builtin} and ('internal'::regtype = any(proargtypes) or prorettype in ("
            "'internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype, "
            "'language_handler'::regtype, 'cstring'::regtype))"
        )
        steady = every - unsteady - takes_internals - PG_COUNTS.keys()
        sets = names(f"select proname {builtin} and proretset") & steady
        types = names(
            "select typname from pg_catalog.pg_type where oid < 16384 and typtype in ('b', 'r', 'm', 'p') "
            "and typelem = 0 union select 'char'"
        ) | words(
            "bigint bit boolean char character dec decimal double float int integer interval national nchar numeric "
            "precision real smallint time timestamp varchar varying with without zone local array setof"
        )
        catalog = frozenset(t for t in types if t.startswith("reg")) - {"regconfig", "regdictionary"}
        changing_types = catalog | words("xid xid8 cid tid pg_snapshot txid_snapshot")
        syntax = _GRAMMAR | names("select word from pg_get_keywords() where catcode <> 'U'")
        zones = names("select lower(abbrev) from pg_timezone_abbrevs union select lower(abbrev) from pg_timezone_names")
        ((version,),) = connection.execute("show server_version").fetchall()
    known = KnownFunctions(
        steady=steady,
        rows=steady | sets,
        changing=every - takes_internals - steady - PG_COUNTS.keys() | PG_BARE,
        bare=PG_BARE,
        counts=PG_COUNTS,
        syntax=syntax - PG_BARE,
        types=types - changing_types,
        changing_types=changing_types,
        columns=PG_COLUMNS,
        clock_words=PG_CLOCK_WORDS,
        date_words=PG_DATE_WORDS | frozenset(zone for zone in zones if zone.isalpha()),
        implicit=frozenset(),
        quoted_names_keep_case=True,
        recursive_with_sees_all=True,
    )
    return known, str(version).split()[0]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in sorted(value.items())}
    return sorted(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def write(engine: str, known: KnownFunctions, version: str) -> None:
    parts = {name: _plain(getattr(known, name)) for name in asdict(known)}
    if parts["rows"] == parts["steady"]:
        del parts["rows"]
    said = {"engine": engine, "version": version, "made": datetime.now(UTC).date().isoformat(), **parts}
    path = ROOT / "fft_core" / "engines" / engine / "functions.json"
    path.write_text(json.dumps(said, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(
        f"{path.relative_to(ROOT)}: {len(known.steady)} steady, {len(known.changing)} changing, {version}\n"
    )


def main() -> None:
    """Write the files of both engines."""
    write("duckdb", *duckdb_functions())
    with running_server() as dsn:
        write("postgres", *postgres_functions(dsn))


if __name__ == "__main__":
    main()
