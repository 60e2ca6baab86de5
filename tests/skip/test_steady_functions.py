"""A function counts as steady only if it is known to be: what everyday SQL calls is, what changes by itself is not."""

from __future__ import annotations

import runpy
from pathlib import Path

import duckdb
import psycopg
import pytest

from fft_core.engines.spec.known import known_bytes, known_functions
from fft_core.plan.volatile import read_sql

ROOT = Path(__file__).parents[2]

# As people write them: each is a column of a query over "@t".
EVERYDAY = {
    "duckdb": """
abs(x); acos(x); array_agg(x); array_length(l); array_to_string(l, ','); ascii(s); atan2(x, y); avg(x); arg_max(a, b)
arg_min(a, b); any_value(x); approx_count_distinct(x); bit_and(x); bool_and(x); bool_or(x); cast(x as varchar)
cbrt(x)
ceil(x); century(d); chr(65); coalesce(a, b); concat(a, b); concat_ws(',', a, b); contains(s, 'a'); corr(x, y); cos(x)
count(*); count(distinct x); count_if(x > 1); covar_pop(x, y); cume_dist() over (order by x); date(s); date_add(d, i)
date_diff('day', a, b); date_part('year', d); date_sub('day', a, b); date_trunc('month', d); datediff('day', a, b)
day(d); dayname(d); dayofweek(d); dayofyear(d); days_in_month(d); decode(b); degrees(x)
dense_rank() over (order by x)
element_at(m, 'a'); encode(s); ends_with(s, 'a'); epoch(t); epoch_ms(t); exp(x); extract(hour from t); factorial(3)
first(x order by y); first_value(x) over (order by y); flatten(l); floor(x); format('{}', x); from_json(j, '"INT"')
gcd(4, 6); generate_series(1, 3); generate_subscripts(l, 1); greatest(a, b); group_concat(s, ','); grouping(x)
hash(x)
hex(s); histogram(x); hour(t); if(a, b, c); ifnull(a, b); instr(s, 'a'); isfinite(x); isnan(x)
isodow(d); isoyear(d); jaccard(a, b); json_array(a, b); json_array_length(j); json_extract(j, '$.a'); json_keys(j)
json_extract_string(j, '$.a'); json_group_array(x); json_group_object(a, b); json_object('a', x); json_type(j)
json_valid(s); json_transform(j, '"INT"'); kurtosis(x); lag(x) over (order by y); last(x order by y); last_day(d)
last_value(x) over (order by y); lead(x, 1, 0) over (order by y); least(a, b); left(s, 1); length(s); len(l)
levenshtein(a, b); list(x order by y); list_aggregate(l, 'sum'); list_append(l, 1); list_concat(l, m)
list_contains(l, 1); list_distinct(l); list_extract(l, 1); list_filter(l, lambda z: z > 1); list_has_any(l, m)
list_position(l, 1); list_reduce(l, lambda a, b: a + b); list_reverse(l); list_reverse_sort(l); list_slice(l, 1, 2)
list_sort(l); list_sum(l); list_transform(l, lambda z: z + 1); list_unique(l); list_value(1, 2); list_zip(l, m); ln(x)
log(x); log10(x); log2(x); lower(s); lpad(s, 3, '0'); ltrim(s); mad(x); make_date(2020, 1, 1); make_time(1, 2, 3)
make_timestamp(2020, 1, 1, 0, 0, 0); map(l, m); map_entries(m); map_extract(m, 'a'); map_from_entries(l); map_keys(m)
map_values(m); max(x); max_by(a, b); md5(s); mean(x); median(x); millisecond(t); min(x); min_by(a, b); minute(t)
mod(x, 2); mode(x); month(d); monthname(d); nth_value(x, 2) over (order by y); ntile(4) over (order by x)
nullif(a, b)
nfc_normalize(s); octet_length(b); parse_filename(s); percent_rank() over (order by x); pi(); position('a' in s)
pow(x, 2); power(x, 2); printf('%d', x); product(x); quantile_cont(x, 0.5); quantile_disc(x, 0.5); quarter(d)
radians(x); range(3); rank() over (order by x); regexp_escape(s); regexp_extract(s, 'a', 1)
regexp_extract_all(s, 'a')
regexp_full_match(s, 'a'); regexp_matches(s, 'a'); regexp_replace(s, 'a', 'b', 'g'); regexp_split_to_array(s, ',')
regr_slope(y, x); repeat(s, 2); replace(s, 'a', 'b'); reverse(s); right(s, 1); round(x, 2); row(a, b); rpad(s, 3, ' ')
row_number() over (partition by x order by y); row_to_json(r); rtrim(s); second(t); sha256(s); sign(x); sin(x)
skewness(x); split_part(s, ',', 1); sqrt(x); starts_with(s, 'a'); stddev(x); stddev_pop(x); str_split(s, ',')
strftime(t, '%Y'); string_agg(s, ',' order by s); string_split(s, ','); strip_accents(s); strlen(s); strpos(s, 'a')
strptime(s, '%Y'); struct_extract(r, 'a'); struct_insert(r, b := 1); struct_pack(a := 1); substr(s, 1, 2)
substring(s, 1, 2); substring(s from 1 for 2); sum(x); sum(x) filter (where x > 1); tan(x); time_bucket(i, t)
timezone('UTC', t); to_base64(b); to_days(1); to_hours(1); to_json(r); to_months(1); to_timestamp(x); to_years(1)
translate(s, 'a', 'b'); trim(s); trim(both 'x' from s); trunc(x); try_cast(s as int); try_strptime(s, '%Y'); typeof(x)
unicode(s); unnest(l); upper(s); url_encode(s); var_pop(x); variance(x); week(d); weekday(d); xor(1, 2); year(d)
yearweek(d); s.lower(); s.trim().upper(); ifnull(a, b); try(1 / x)
[z + 1 for z in l if z > 1]; {'a': x}; l[1:2]; d + interval 1 day; j->>'$.a'
s like 'a%'; s ilike 'a%'; x in (1, 2); x between 1 and 2; x::decimal(10, 2); date '2020-01-01'; t at time zone 'UTC'
percentile_cont(0.5) within group (order by x); percentile_disc(0.5) within group (order by x desc)
mode() within group (order by x)
case when x > (1) then 1 end; columns(c -> c like 'a%'); interval (x) day; s similar to 'a'; 'now'; current_user
""",
    "postgres": """
abs(x); acos(x); age(a, b); array_agg(x order by y); array_append(l, 1); array_cat(l, m); array_length(l, 1)
array_position(l, 1); array_remove(l, 1); array_replace(l, 1, 2); array_to_json(l); array_to_string(l, ','); ascii(s)
array_upper(l, 1); atan2(x, y); avg(x); bit_and(x); bit_length(s); bool_and(x); bool_or(x); btrim(s); cardinality(l)
cast(x as text); cbrt(x); ceil(x); ceiling(x); char_length(s); chr(65); coalesce(a, b); concat(a, b); corr(x, y)
concat_ws(',', a, b); convert_from(b, 'UTF8'); cos(x); count(*); count(distinct x); covar_pop(x, y); date(s); every(x)
cume_dist() over (order by x); date_bin('1 day', t, t); date_part('year', d); date_trunc('month', d); decode(s, 'hex')
degrees(x); dense_rank() over (order by x); div(x, 2); encode(b, 'hex'); enum_range(null::mood); exp(x); factorial(3)
extract(hour from t); first_value(x) over (order by y); floor(x); format('%s', x); gcd(4, 6); generate_series(1, 3)
generate_subscripts(l, 1); greatest(a, b); grouping(x); initcap(s); int4range(1, 2); isempty(r); isfinite(d)
json_agg(x); json_array_elements(j); json_array_elements_text(j); json_array_length(j); json_build_array(a, b)
json_build_object('a', x); json_each(j); json_each_text(j); json_extract_path(j, 'a'); json_extract_path_text(j, 'a')
json_object(l); json_object_agg(a, b); json_object_keys(j); json_strip_nulls(j); json_to_record(j); json_typeof(j)
jsonb_agg(x); jsonb_array_elements(j); jsonb_build_object('a', x); jsonb_each(j); jsonb_each_text(j)
jsonb_insert(j, l, k)
jsonb_extract_path_text(j, 'a'); jsonb_object_agg(a, b); jsonb_object_keys(j); jsonb_path_exists(j, '$.a')
jsonb_path_query(j, '$.a'); jsonb_pretty(j); jsonb_set(j, l, k); jsonb_strip_nulls(j); jsonb_typeof(j)
justify_days(i)
lag(x) over (order by y); last_value(x) over (order by y); lcm(4, 6); lead(x, 1, 0) over (order by y); least(a, b)
left(s, 1); length(s); ln(x); log(x); lower(s); lower(r); lpad(s, 3, '0'); ltrim(s); make_date(2020, 1, 1); max(x)
make_interval(days => 1); make_time(1, 2, 3); make_timestamp(2020, 1, 1, 0, 0, 0); md5(s); min(x); mod(x, 2)
num_nulls(a)
make_timestamptz(2020, 1, 1, 0, 0, 0); mode() within group (order by x); nth_value(x, 2) over (order by y)
nullif(a, b)
ntile(4) over (order by x); octet_length(s); overlay(s placing 'a' from 1); percent_rank() over (order by x); pi()
percentile_cont(0.5) within group (order by x); percentile_disc(0.5) within group (order by x); position('a' in s)
power(x, 2); pow(x, 2); quote_ident(s); quote_literal(s); radians(x); range_agg(r); rank() over (order by x)
regexp_count(s, 'a'); regexp_instr(s, 'a'); regexp_like(s, 'a'); regexp_match(s, 'a'); regexp_matches(s, 'a', 'g')
regexp_replace(s, 'a', 'b', 'g'); regexp_split_to_array(s, ','); regexp_split_to_table(s, ','); regexp_substr(s, 'a')
regr_slope(y, x); repeat(s, 2); replace(s, 'a', 'b'); reverse(s); right(s, 1); round(x, 2); row(a, b); row_to_json(r)
row_number() over (partition by x order by y); rpad(s, 3, ' '); rtrim(s); sha256(b); sign(x); sin(x)
split_part(s, ',', 1)
sqrt(x); starts_with(s, 'a'); stddev(x); stddev_pop(x); string_agg(s, ',' order by s); string_to_array(s, ',')
string_to_table(s, ','); strpos(s, 'a'); substr(s, 1, 2); substring(s, 1, 2); substring(s from 'a'); sum(x)
sum(x) filter (where x > 1); tan(x); timezone('UTC', t); to_char(t, 'YYYY'); to_date(s, 'YYYY'); to_hex(x); to_json(r)
to_jsonb(r); to_number(s, '9'); to_timestamp(x); to_timestamp(s, 'YYYY'); to_tsvector('english', s)
translate(s, 'a', 'b')
to_tsquery('english', 'a'); trim(s); trim(both 'x' from s); trim_array(l, 1); trunc(x); unnest(l); upper(s); upper(r)
uuid_extract_version(u); var_pop(x); variance(x); width_bucket(x, 1, 2, 3); xmlelement(name a, s); s like 'a%'
s ilike 'a%'; x in (1, 2); x between 1 and 2; x::numeric(10, 2); date '2020-01-01'; t at time zone 'UTC'; l[1:2]
case when x > (1) then 1 end; s similar to 'a'; array(select 1); x = any(array[1, 2]); (a, b) overlaps (c, d); j->>'a'
t::timestamp(3) with time zone; s::varchar(3); s::character varying(3); interval '1 day'; d + interval '1 day'
'knowhow'
cast(s as double precision); lower(s collate "C"); pg_catalog.lower(s); pg_typeof(x); 'english'::regconfig; 'buy now'
'the label for today'; 'Hello, today'; '{"a":"see you today"}'; '{"a":"hello, today"}'; '<a>due today</a>'
'{"todayish":1}'; 'a,buy now,b'; '["knowhow", "1 day"]'; 'say "hello" now'; '{"at":"2020-01-01","zone":"utc"}'
date_add(t, '1 day'); ts_rank(v, q); random_is_only_a_column; json_populate_record(r, j); count(*) over (); "user"
""",
}
CHANGING = {
    "duckdb": """
now(); today(); current_date; current_time; current_timestamp; localtime; localtimestamp; get_current_timestamp()
get_current_time(); transaction_timestamp(); current_localtime(); current_localtimestamp(); age(t)
ago(interval 1 day)
random(); uuid(); uuidv4(); uuidv7(); gen_random_uuid(); setseed(0.5); nextval('s'); currval('s')
reservoir_quantile(x, 0.5)
txid_current(); current_query(); current_schema; current_schema(); current_database(); current_catalog; version()
current_setting('threads'); getvariable('a'); main.now(); "now"(); "NOW"(); x.now(); (x).random(); system.main.today()
index_key('a', x); json_serialize_plan('select 1'); rowid; pg_postmaster_start_time(); current_connection_id()
stats(x)
write_log('a'); list_transform(l, lambda z: z + random()); [random() for z in l]; sum(random()); coalesce(x, now())
case when now() > t then 1 end; never_heard_of(x); main.never_heard_of(x)
""",
    "postgres": """
now(); current_date; current_time; current_timestamp; current_timestamp(3); localtime; localtimestamp(0)
clock_timestamp(); statement_timestamp(); transaction_timestamp(); timeofday(); age(t); random(); random(1, 6)
random_normal(); setseed(0.5); gen_random_uuid(); uuidv4(); uuidv7(); array_shuffle(l); array_sample(l, 1)
nextval('s')
currval('s'); lastval(); setval('s', 1); txid_current(); pg_current_xact_id(); pg_backend_pid(); current_user; user
session_user; current_role; system_user; current_catalog; current_schema; current_schema(); current_database()
version()
current_setting('a'); set_config('a', 'b', false); current_query(); inet_client_addr(); pg_read_file('a')
pg_ls_dir('a')
pg_stat_get_live_tuples(1); pg_relation_size('a'); pg_try_advisory_lock(1); lo_get(1)
query_to_xml('select 1', true, true, '')
table_to_xml('a', true, true, ''); pg_catalog.now(); "now"(); date 'today'; 'now'::timestamptz; timestamp 'tomorrow'
'yesterday'::date; ' NOW '::timestamp; 'Today 12:00'::timestamp; cast('now' as date); date('today'); t < 'now'
time 'now'
E'\\156ow'::date; E'now\\n'::date; u&'!006eow' uescape '!'::date
u&'\\006eow'::date; $$today$$::date; $d$now$d$::date; '{now,2020-01-01}'::date[]
'[today,)'::daterange
(a->>0)::date = '["now"]'; '{"a":"now"}'::jsonb; '[{"a":"today"}]'; '{"a":{"b":["x", "tomorrow 12:00"]}}'
'{"a": "\\u006eow"}'; '{"a":" NOW "}'; '{"a":"{\\"b\\":\\"now\\"}"}'; '<r><a>now</a></r>'; '<r a="today"/>'; 'a,now'
'x|today|y'
'{abc,now}'; '(1,yesterday)'; '{"(1,now)"}'; $${"a":"now"}$$; E'{"a":"now"}'; '$.a ? (@ == "now")'; E'a\ttoday'
'today est'::timestamptz; 'monday today'::date; 'today_'::date; coalesce(d, 'tomorrow'); greatest(d, 'today')
'raw.t'::regclass; to_regclass('t'); cast('t' as regclass); ctid; xmin; tableoid; r.xmax; to_tsvector(s)
uuid_generate_v4(); gen_random_bytes(4); dblink('a', 'b'); never_heard_of(x); public.never_heard_of(x); "Lower"(s)
""",
}
CASES = [
    (dialect, call.strip(), kind)
    for kind, listed in (("everyday", EVERYDAY), ("changing", CHANGING))
    for dialect, text in listed.items()
    for line in text.strip().splitlines()
    for call in line.split(";")
    if call.strip()
]


def found_in(sql: str, dialect: str) -> tuple[str, ...]:
    reading = read_sql(sql, dialect, known_functions(dialect))
    return (*reading.volatile, *reading.unknown)


@pytest.mark.parametrize(("dialect", "call"), [(dialect, call) for dialect, call, kind in CASES if kind == "everyday"])
def test_what_everyday_sql_calls_is_steady(dialect: str, call: str) -> None:
    assert found_in(f'select {call} as v from "@t"', dialect) == ()


@pytest.mark.parametrize(("dialect", "call"), [(dialect, call) for dialect, call, kind in CASES if kind == "changing"])
def test_what_changes_by_itself_is_found(dialect: str, call: str) -> None:
    assert found_in(f'select {call} as v from "@t"', dialect)


GRAMMAR = (
    'select * from "@t" a join (select 1 as x) b on (a.x = b.x) left join (select 2 as x) c using (x)',
    'select * from "@t" natural join (select 3 as x) d',
    "values (1), (2)",
    'select x from "@t" union all (select 1) except (select 2) order by (x) limit (1) offset (2)',
    """select * from "@t" where x like ('a') and y ilike ('b') and not (z) or (w) is null and a not in (1, 2)""",
    'select distinct on (x) lower(y), case when (a) then (b) else (c) end from "@t"',
    'select exists (select 1), x = all (select 1), not(x) from "@t"',
    'select sum(x) over (partition by (a) order by (b) rows between (1) preceding and current row) from "@t"',
    'select grouping(a) from "@t" group by (a), rollup (b), grouping sets ((a), (b)) having (count(*)) > 1',
    """select * from "@t" where x at time zone ('UTC') > y and a similar to ('b') and c like 'x' escape ('y')""",
    'select cast(x as numeric(10, 2)), x::varchar(3), x::timestamp(3), cast(x as char(3)) from "@t"',
    "with a(x, y) as (select 1, 2), b (z) as (select 3) select * from a, b as c(d), (select 4) e(f)",
    "with a as materialized (select 1 as x), b as not materialized (select 2 as x) select * from a join b using (x)",
    'select x from "@t" window w as (order by x)',
)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("sql", GRAMMAR)
def test_words_of_grammar_before_a_parenthesis_are_no_functions(sql: str, dialect: str) -> None:
    assert found_in(sql, dialect) == ()


def test_the_lists_of_everyday_functions_are_long_and_real() -> None:
    for dialect in EVERYDAY:
        assert len([call for d, call, kind in CASES if d == dialect and kind == "everyday"]) >= 150


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_what_makes_rows_of_its_arguments_may_stand_for_a_table(dialect: str) -> None:
    known = known_functions(dialect)
    everyday = "unnest generate_series json_each"
    everyday += (
        " range repeat_row json_tree" if dialect == "duckdb" else " jsonb_each regexp_split_to_table json_to_record"
    )
    for name in everyday.split():
        assert name in known.rows
        assert found_in(f"select * from {name}(1, 2) as r", dialect) == ()


@pytest.mark.parametrize("name", ["histogram", "histogram_values", "query", "query_table", "read_csv", "glob", "lower"])
def test_of_tables_of_duckdb_only_few_functions_are_steady(name: str) -> None:
    assert found_in(f"select * from {name}('t') as r", "duckdb") == (f"{name}()",)


def test_the_files_are_what_the_script_makes_of_the_engines_that_they_name(postgres_dsn: str) -> None:
    script = runpy.run_path(str(ROOT / "tools" / "known_functions.py"))
    found, version = script["duckdb_functions"]()
    if f'"version": "{version}"' in known_bytes("duckdb").decode():
        assert found == known_functions("duckdb")
    found, version = script["postgres_functions"](postgres_dsn)
    if f'"version": "{version}"' in known_bytes("postgres").decode():
        assert found == known_functions("postgres")


def test_reviewed_functions_give_the_same_value_twice_on_postgres(postgres_dsn: str) -> None:
    """Under our settings: what a role or the environment sets cannot change them."""
    calls = ["to_char(timestamptz '2020-01-01 00:00+00', 'YYYY-MM-DD HH24 TZ')", "concat(date '2020-01-02', 1.5)"]
    with psycopg.connect(postgres_dsn) as connection:
        for call in calls:
            first, second = (connection.execute(f"select {call}".encode()).fetchone() for _ in range(2))
            assert first == second


def test_every_everyday_call_of_duckdb_names_functions_that_there_are() -> None:
    connection = duckdb.connect()
    names = {row[0].lower() for row in connection.execute("select function_name from duckdb_functions()").fetchall()}
    known = known_functions("duckdb")
    for dialect, call, _ in CASES:
        if dialect == "duckdb" and "within group" in call:  # the parser's
            assert connection.execute(f"select {call} from (select 1 as x)").fetchall() == [(1,)]
            continue
        name = call.partition("(")[0].lower()
        if dialect == "duckdb" and "(" in call and name.isidentifier() and "never" not in call:
            assert name in names or name in known.syntax or name in known.types, call
