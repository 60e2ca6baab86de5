"""What changes rows by itself: such a model is always built, says why, and a config can say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from skip_helpers import CSV, EVENTS, SOURCES, built, place

from fft_core import load_project
from fft_core.compile.identity import project_identities
from fft_core.plan.definitions import Definitions, completed

U = "{{ ref('users') }}"
VOLATILE: Mapping[str, tuple[str, str]] = {
    # name -> query, and what the reason names
    "now": ("select now() as t", "now()"),
    "current_date": ("select Current_Date as d", "current_date()"),
    "current_timestamp": (f"select id from {U} where current_timestamp is not null", "current_timestamp()"),
    "current_localtimestamp": ("select current_localtimestamp() as t", "current_localtimestamp()"),
    "today": ("select today() as d", "today()"),
    "quoted_function": ('select "now"() as t', "now()"),
    "qualified_function": ("select main.random() as r", "random()"),
    "age_until_today": ("select age(timestamp '2020-01-01') as a", "age()"),
    "random": ("select random() as r", "random()"),
    "uuid": ("select gen_random_uuid() as u, uuid() as v", "gen_random_uuid()"),
    "sequence": ("select nextval('numbers') as n", "nextval()"),
    "sample": (f"select id from {U} using sample 1", "sampling"),
    "tablesample": (f"select id from {U} tablesample 50%", "sampling"),
    "setting": ("select current_setting('threads') as n", "current_setting()"),
    "in_macro": ("select {{ clock() }} as t", "now()"),
    "in_ephemeral": ("select t from {{ ref('clocked') }}", "now()"),
    "below_two_ephemerals": ("select t from {{ ref('clocked_again') }}", "now()"),
    "of_declared_ephemeral": ("select id from {{ ref('declared') }}", "declared, which is volatile by its config"),
    "read_csv": ("select * from read_csv('x.csv')", "read_csv()"),
    "read_by_name": ("select * from 'x.csv'", "x.csv"),
    "read_text": ("select content from read_text('x.csv')", "read_text()"),
    "qualified": ("select * from raw.t", "raw.t"),
    "from_first": ("from raw.t", "raw.t"),
    "unqualified": ("select * from t", "t,"),
    "comma": (f"select * from {U} as u, raw.t as x", "raw.t"),
    "comma_after_columns": (f"select * from {U} as u(a, b, c, d, e), raw.t", "raw.t"),
    "comma_after_subquery": ("select * from (select 1 as one) as x, raw.t", "raw.t"),
    "comma_after_join": (f"select * from {U} as a join {U} as b on a.id = b.id, raw.t", "raw.t"),
    "subquery": (f"select id, (select max(a) from raw.t) as m from {U}", "raw.t"),
    "in_exists": (f"select id from {U} where exists (from raw.t)", "raw.t"),
    "in_cte": ("with x as (select * from raw.t) select * from x", "raw.t"),
    "lateral": (f"select * from {U} as u, lateral (select * from raw.t where a = u.id) as l", "raw.t"),
    "union": (f"select id from {U} union all select a from raw.t", "raw.t"),
    "cte_of_an_inner_query": ("select * from (with t as (select 1 as z) select * from t) as x join t on true", "t,"),
    "cte_before_its_name_means_it": ("with t as (select * from t) select * from t", "t,"),
    "cte_of_another_schema": ("with t as (select 1 as a) select * from raw.t", "raw.t"),
    "pivot": ("pivot raw.t on a using sum(b)", "raw.t"),
    "unpivot": ("select * from (unpivot raw.t on a into name n value v)", "raw.t"),
    "summarize": ("select * from (summarize raw.t)", "raw.t"),
    "join_in_parentheses": (f"select * from (raw.t join {U} as u on true)", "raw.t"),
    "join_in_parentheses_first": (f"from ({U} as u join raw.t on true)", "raw.t"),
    "comma_in_parentheses": (f"from ({U} as u, raw.t)", "raw.t"),
    "file_in_parentheses": (f"select * from ('x.csv' join {U} as u using (id))", "x.csv"),
    "function_in_parentheses": (f"from (made_by_hand(1) as f join {U} as u using (id))", "made_by_hand()"),
    "alone_in_parentheses": ("select * from (raw.t)", "raw.t"),
    "named_window": (f"select sum(id) over t from {U} window t as (order by id) union all select a from t", "t,"),
    "quoted_cte_of_another_letter": ('with "Ä" as (select 1 as a) select * from ä', "ä,"),
    "recursive_that_is_none": ("with recursive t as (select * from t) select * from t", "t,"),
    "cte_that_comes_later": ("with a as (select * from t), t as (select 1 as x) select * from a", "t,"),
    "shown": ("with show as (select 1 as a) select * from (show t)", "show,"),
    "alias_in_front": ("select * from x: raw.t", "raw.t"),
    "like_a_symbol": ('select * from "@users_by_hand"', "@users_by_hand,"),
    "symbol_of_another": (f'select * from {U} as u, "@clocked"', "@clocked,"),
    "table_statement": ("select * from (table raw.t)", "raw.t"),
    "sampled_quantile": (f"select reservoir_quantile(id, 0.5) as q from {U}", "reservoir_quantile()"),
    "ago": ("select ago(interval 1 day) as t", "ago()"),
    "chained": ("select 'x'.nobody_made_this() as t", "nobody_made_this()"),
    "unknown": ("select nobody_made_this(1) as t", "nobody_made_this()"),
    "rowid": (f"select rowid as r from {U}", "rowid"),
    "catalog": ("select table_name from duckdb_tables()", "duckdb_tables()"),
    "table_function": ("select * from made_by_hand(1)", "made_by_hand()"),
    "query": ("select * from query('select 1')", "query()"),
}
STABLE: Mapping[str, str] = {
    "quoted_name": 'select "random" from (select 1 as "random")',
    "column_named_now": "select now, x.today from (select 1 as now, 2 as today) as x",
    "in_text": "select 'now() raw.t' as text -- random()",
    "alias": "select 1 as random, 2 as uuid",
    "age_between": "select age(timestamp '2021-01-01', timestamp '2020-01-01') as a",
    "cte": f"with a as (select * from {U}), b as (select * from a) select a.id from a join b using (id)",
    "cte_with_columns": "with a(x, y) as (select 1, 2) select x from a",
    "cte_shadows": f"with t as (select * from {U}) select * from t as a, t as b",
    "inner_cte": f"select * from (with t as (select * from {U}) select * from t) as x",
    "quoted_cte": 'with "Final" as (select 1 as a) select * from final',
    "materialized": f"with a as materialized (select * from {U}) select * from a",
    "subquery_in_parentheses": f"select * from ((select * from {U}) as a join {U} as b using (id))",
    "union_of_ctes": f"with a as (select * from {U}) select * from a union all select * from a",
    "named_window": f"select sum(id) over w from {U} window w as (order by id)",
    "cte_in_subquery": f"with a as (select * from {U}) select id, (select count(*) from a) as n from a",
    "recursive": "with recursive n as (select 1 as i union all select i + 1 from n where i < 3) select i from n",
    "rows_of_arguments": "select i from range(3) as r(i), generate_series(1, 2) as s(j), unnest([1, 2]) as u(k)",
    "values": "select * from (values (1), (2)) as v(a)",
    "extract": "select extract(year from date '2020-01-01') as y, trim(both 'x' from 'xyx') as z",
    "distinct_from": f"select id is distinct from 3 as x, 1 as y from {U}",
    "lateral": f"select u.id, l.one from {U} as u, lateral (select u.id + 1 as one) as l",
    "pivot": f"pivot {U} on name using sum(id)",
    "declared": "{{ config(volatile=false) }} select now() as t",
    "declared_and_read": "{{ config(volatile=false) }} select * from raw.t",
}
PYTHON_VOLATILE: Mapping[str, str] = {
    "datetime": "from datetime import datetime as d; d.now()",
    "date": "import datetime; datetime.date.today()",
    "time": "import time as t; t.time()",
    "time_itself": "from time import time; time()",
    "choice": "from random import choice as one_of; one_of([1])",
    "numpy": "import numpy as np; np.random.rand()",
    "uuid": "from uuid import uuid4 as u; u()",
    "open": "open('/dev/null').close()",
    "path": "from pathlib import Path; Path('/dev/null').read_text()",
    "glob": "import glob; glob.glob('*')",
    "network": "from requests import get as fetch; fetch",
    "network_call": "import httpx; httpx.get('x') if False else None",
    "pandas": "import pandas as pd; pd.read_csv('x.csv') if False else None",
    "timestamp": "import pandas as pd; pd.Timestamp('now')",
    "sample": "users.sample(1)",
    "computed_import": "import importlib; importlib.import_module('js' + 'on')",
}
PYTHON_STABLE: Mapping[str, str] = {
    "seeded_sample": "users.sample(1, random_state=3)",
    "timestamp": "import pandas as pd; pd.Timestamp('2020-01-01')",
    "column": "users.assign(open=1, now=2).open",
    "query": "users.query('id > 1')",
    "imported": "import time, random, datetime",
}


def python(line: str, arguments: str = "deps=['users']") -> str:
    return f"from fft_core import model\n\n@model({arguments})\ndef build(users):\n    {line}\n    return users\n"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[str, ...]]:
    """What is volatile in each model, in a database in which users defined nothing."""
    files = {
        "seeds/users.csv": CSV,
        "models/macros/clock.sql": "{% macro clock() %}{{ c() }}{% endmacro %}\n{% macro c() %}now(){% endmacro %}",
        "models/clocked.ff.sql": "{{ config(materialized='ephemeral') }} select now() as t",
        "models/clocked_again.ff.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('clocked') }}",
        "models/declared.ff.sql": "{{ config(materialized='ephemeral', volatile=true) }} select 1 as id",
        "models/py_helper.ff.py": python("from lib import clock; clock.read()"),
        "models/py_ephemeral.ff.py": python("pass", "deps=['clocked']"),
        "models/py_declared.ff.py": python("open('x')", "deps=['users'], volatile=False"),
        "models/py_always.ff.py": python("pass", "deps=['users'], volatile=True"),
        "lib/clock.py": "import time\ndef read():\n    return time.time()\n",
        **{f"models/v_{name}.ff.sql": query for name, (query, _) in VOLATILE.items()},
        **{f"models/s_{name}.ff.sql": query for name, query in STABLE.items()},
        **{f"models/pv_{name}.ff.py": python(line) for name, line in PYTHON_VOLATILE.items()},
        **{f"models/ps_{name}.ff.py": python(line) for name, line in PYTHON_STABLE.items()},
    }
    made = place(tmp_path_factory.mktemp("volatile"), files)
    project = load_project(made.root, "dev", environment={})
    return {identity.name: completed(identity, Definitions())[0].volatile for identity in project_identities(project)}


@pytest.mark.parametrize("name", VOLATILE)
def test_sql_that_changes_by_itself_is_found(found: Mapping[str, tuple[str, ...]], name: str) -> None:
    assert any(said.startswith(VOLATILE[name][1]) for said in found[f"v_{name}"]), found[f"v_{name}"]


@pytest.mark.parametrize("name", STABLE)
def test_sql_that_only_looks_like_it_is_not_flagged(found: Mapping[str, tuple[str, ...]], name: str) -> None:
    assert found[f"s_{name}"] == ()


@pytest.mark.parametrize("name", [*(f"pv_{n}" for n in PYTHON_VOLATILE), "py_helper", "py_ephemeral"])
def test_python_that_changes_by_itself_is_found(found: Mapping[str, tuple[str, ...]], name: str) -> None:
    assert found[name]


@pytest.mark.parametrize("name", [*(f"ps_{n}" for n in PYTHON_STABLE), "py_declared"])
def test_python_that_only_looks_like_it_is_not_flagged(found: Mapping[str, tuple[str, ...]], name: str) -> None:
    assert found[name] == ()


def test_a_config_declares_a_model_volatile(found: Mapping[str, tuple[str, ...]]) -> None:
    assert found["py_always"] == ("config(volatile=true)",)


def test_a_volatile_model_is_always_built_and_equal_rows_keep_what_is_below(tmp_path: Path) -> None:
    files = {
        "models/clock.ff.sql": "select now() is not null as is_now",
        "models/ticking.ff.sql": "select random() as r",
        "models/below.ff.sql": "select * from {{ ref('clock') }}",
        "models/below_ticking.ff.sql": "select * from {{ ref('ticking') }}",
    }
    made = built(tmp_path, files)
    assert made.why("clock") == "always built: it uses now()"
    assert made.why("below") == "clock is built first; if its rows stay equal, this is reused"
    assert made.build().built == {"clock", "ticking", "below_ticking"}


def test_what_reads_a_volatile_view_is_built_whether_the_view_is_or_not(tmp_path: Path) -> None:
    files = {
        "models/clock.ff.sql": "{{ config(materialized='view') }} select now() as t",
        "models/through.ff.sql": "{{ config(materialized='view') }} select * from {{ ref('clock') }}",
        "models/below.ff.sql": "select * from {{ ref('through') }}",
    }
    made = built(tmp_path, files)
    assert made.due("below") == {"below": ["input_changed"]}
    assert made.build("below").built == {"below"}
    assert "below" in made.build().built


def test_what_reads_a_view_is_rebuilt_when_the_source_below_the_view_changes(tmp_path: Path) -> None:
    files = {
        "sources.yml": SOURCES,
        "models/narrow.ff.sql": "{{ config(materialized='view') }} select id from {{ source('raw', 'events') }}",
        "models/through.ff.sql": "{{ config(materialized='view') }} select * from {{ ref('narrow') }}",
        "models/below.ff.sql": "select * from {{ ref('through') }}",
    }
    made = built(tmp_path, files, EVENTS)
    assert not made.due("below")
    made.sql("insert into events values (2, 'b')")
    assert made.due("below") == {"below": ["input_changed"]}
    assert made.build("below").built == {"below"}
    assert made.sql("select count(*) from below") == [(2,)]
    made.build()
    assert not made.due()


def test_a_seed_of_sql_that_reads_the_clock_is_always_loaded(tmp_path: Path) -> None:
    made = built(tmp_path, {"seeds/clock.sql": "select now() as t;", "seeds/fixed.sql": "select 1 as a;"})
    assert made.due() == {"clock": ["volatile"]}


HIDDEN = "exists (select 1 from (other as o join fixed as f using (a)))"


def test_a_table_in_the_condition_of_a_check_or_in_a_seed_is_seen(tmp_path: Path) -> None:
    check = f"{{type: not_null, table: fixed, column: a, where: '{HIDDEN}'}}"
    files = {
        "project.yml": f"name: skips\nversion: '1'\ntests:\n  - {check}\n",
        "seeds/fixed.sql": "select 1 as a",
        "seeds/hidden.sql": "select * from (main.other as o join (select 1 as b) as x on true)",
    }
    made = built(tmp_path, files, "create table other as select 1 as a")
    assert made.due() == {"hidden": ["volatile"]}
    (fixed,) = (d for d in made.plan().decisions if d.name == "fixed")
    assert [reason.kind for reason in fixed.reasons] == ["checks_changed"]
