"""Whole projects on each engine: equal rows, equal skips, builds at once, killed builds."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from fft_process import run_process
from sweeps import examples

from fft_core import CheckFailedError, FftError, Project, Request, Warehouse, load_project, make_plan, open_warehouse
from fft_core.compile.identity import Identities, project_identities
from fft_core.errors import IncrementError, StatementError
from fft_core.operations.prune import prunable_versions, prune_snapshot
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.results import read_run_results
from fft_core.run.turn import build_or_reuse

SCRIPT = Path(__file__).parent / "build_project.py"
Rows = Mapping[str, list[tuple[object, ...]]]
FILES = {
    "project.yml": "name: shop\nversion: '1'\ntests:\n"
    "  - {type: not_null, table: users, column: id}\n"
    "  - {type: unique, table: users, column: id}\n"
    "  - {type: relationships, table: orders, column: user_id, to: users, field: id}\n",
    "seeds/raw_users.csv": 'id,name,score,active\n1,ann,1.5,true\n2,"b""ob",,false\n3,,-2e3,true\n',
    "seeds/raw_orders.csv": "id,user_id,amount\n10,1,5\n11,1,7\n12,3,1\n",
    "models/users.ff.sql": "{{ config(materialized='view') }} "
    "select id, name, score, active from {{ ref('raw_users') }}",
    "models/orders.ff.sql": "select id, user_id, amount from {{ ref('raw_orders') }}",
    "models/totals.ff.py": "import pandas as pd\nfrom fft_core import model\n\n"
    "@model(deps=['users', 'orders'])\ndef totals(users: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:\n"
    "    sums = orders.groupby('user_id', as_index=False).agg(amount=('amount', 'sum'))\n"
    "    return users.merge(sums, left_on='id', right_on='user_id')[['id', 'name', 'amount']]\n",
    "models/top.ff.sql": "select id, amount from {{ ref('totals') }} order by amount desc limit 1",
}


@dataclass(frozen=True)
class Shop:
    """A project on disk with its database."""

    root: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def load(self) -> Project:
        return load_project(self.root, "dev", environment={})

    def build(self) -> set[str]:
        """Build what must be built; give the names."""
        with open_warehouse(self.load()) as warehouse:
            project = warehouse.project
            rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
            results = {node.name: build_or_reuse(warehouse, rebuilder, node) for node in project.stored()}
        return {name for name, result in results.items() if result.decision.is_build}

    def due(self) -> set[str]:
        with open_warehouse(self.load(), read_only=True) as warehouse:
            return {decision.name for decision in make_plan(warehouse).builds}

    def kinds(self, *names: str) -> dict[str, str]:
        with open_warehouse(self.load(), read_only=True) as warehouse:
            found = warehouse.engine.inspect([warehouse.engine.relation(name) for name in names])
        return {relation.name: there.kind for relation, there in found.items()}

    def execute(self, statement: str, name: str) -> None:
        """Do something by hand, as somebody else would."""
        with open_warehouse(self.load()) as warehouse:
            warehouse.engine.execute(statement.format(warehouse.engine.relation(name).sql(warehouse.engine.spelling)))

    def rows(self, name: str) -> list[tuple[object, ...]]:
        with open_warehouse(self.load(), read_only=True) as warehouse:
            return sorted(
                warehouse.engine.fetch(f"select * from {warehouse.relation(name).sql(warehouse.engine.spelling)}")
            )


@pytest.fixture
def make_shop(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Shop]:
    def make(engine: str) -> Shop:
        shop = Shop(tmp_path / engine)
        if engine == "duckdb":
            settings = "{path: db.duckdb}"
        else:
            dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
            settings = f"{{dsn: '{dsn}', db_schema: {schema}}}"
        shop.write({"profiles.yml": f"dev: {{engine: {engine}, {engine}: {settings}}}\n"})
        return shop

    return make


@pytest.fixture(params=["duckdb", "postgres"])
def shop(request: pytest.FixtureRequest, make_shop: Callable[[str], Shop]) -> Shop:
    made = make_shop(request.param)
    made.write(FILES)
    return made


def test_what_has_not_changed_is_reused(shop: Shop) -> None:
    names = {"raw_users", "raw_orders", "users", "orders", "totals", "top"}
    assert shop.due() == names
    assert shop.build() == names
    assert shop.due() == set()
    assert shop.build() == set()
    shop.write(
        {"models/orders.ff.sql": "select id, user_id, amount + 0 as amount from {{ ref('raw_orders') }} -- same rows"}
    )
    assert shop.build() == {"orders"}
    shop.write({"models/orders.ff.sql": "select id, user_id, amount + 1 as amount from {{ ref('raw_orders') }}"})
    assert shop.build() == {"orders", "totals", "top"}
    assert shop.rows("top") == [(1, 14)]


IN_A_VIEW = (
    "import pandas as pd\nfrom fft_core import model\n\n"
    "@model(name='big', deps=['orders'], materialized='{kind}')\n"
    "def big(orders: pd.DataFrame) -> pd.DataFrame:\n    return orders[orders['amount'] > {least}][['id', 'amount']]\n"
)


def test_a_python_model_in_a_view_whose_rows_are_not_compared_may_have_none(shop: Shop) -> None:
    text = IN_A_VIEW.format(kind="view", least=1000).replace("name='big',", "name='big', early_cutoff=False,")
    shop.write({"models/big.ff.py": text})
    assert "big" in shop.build()
    assert shop.rows("big") == []


def test_a_python_model_in_a_view(shop: Shop) -> None:
    """Its rows lie in a table behind the view, whose columns may change; whoever touches either is noticed."""
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="view", least=4)})
    shop.write({"models/count_big.ff.sql": "select count(*) as n from {{ ref('big') }}"})
    shop.build()
    assert shop.kinds("big", "__ff_py_big") == {"big": "view", "__ff_py_big": "table"}
    assert shop.rows("big") == shop.rows("__ff_py_big") == [(10, 5), (11, 7)]
    assert shop.due() == set()
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="view", least="4.5")})
    assert shop.build() == {"big"}  # the same rows
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="view", least=6).replace("'id', ", "'user_id', 'id', ")})
    assert shop.build() == {"big", "count_big"}
    assert shop.rows("big") == [(1, 11, 7)]
    shop.execute("delete from {}", "__ff_py_big")
    assert shop.due() == {"big", "count_big"}
    shop.build()
    assert shop.rows("count_big") == [(1,)]
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="table", least=0)})
    shop.build()
    assert (shop.kinds("big"), shop.rows("count_big")) == ({"big": "table"}, [(3,)])
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="view", least=6)})
    shop.build()
    assert (shop.kinds("big"), shop.rows("count_big")) == ({"big": "view"}, [(1,)])


def test_bad_rows_of_a_python_model_in_a_view_are_not_published(shop: Shop) -> None:
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="view", least=4)})
    check = "  - {type: row_count_between, table: big, min_rows: 1}\n"
    shop.write({"project.yml": FILES["project.yml"] + check})
    shop.build()
    shop.write({"models/big.ff.py": IN_A_VIEW.format(kind="view", least=99)})
    with pytest.raises(CheckFailedError):
        shop.build()
    assert shop.rows("big") == shop.rows("__ff_py_big") == [(10, 5), (11, 7)]


MATERIALIZED = (
    "{{{{ config(materialized='{kind}') }}}}\nselect id, amount from {{{{ ref('orders') }}}} where amount > {least}"
)


def test_a_materialized_view_is_built_as_a_table_is(make_shop: Callable[[str], Shop]) -> None:
    shop = make_shop("postgres")
    shop.write(FILES)
    shop.write({"models/big.ff.sql": MATERIALIZED.format(kind="materialized_view", least=4)})
    check = "  - {type: row_count_between, table: big, min_rows: 1}\n"
    shop.write({"project.yml": FILES["project.yml"] + check})
    shop.write({"models/count_big.ff.sql": "select count(*) as n from {{ ref('big') }}"})
    shop.build()
    assert shop.kinds("big") == {"big": "materialized_view"}
    assert shop.due() == set()
    shop.write({"seeds/raw_orders.csv": FILES["seeds/raw_orders.csv"] + "13,3,2\n"})
    assert {"big", "count_big"} & shop.build() == {"big"}  # which has the same rows
    shop.write({"seeds/raw_orders.csv": FILES["seeds/raw_orders.csv"] + "14,3,9\n"})
    assert {"big", "count_big"} <= shop.build()
    assert shop.rows("big") == [(10, 5), (11, 7), (14, 9)]
    shop.write({"models/big.ff.sql": MATERIALIZED.format(kind="materialized_view", least=99)})
    with pytest.raises(CheckFailedError):
        shop.build()
    assert shop.rows("big") == [(10, 5), (11, 7), (14, 9)]
    for kind in ("table", "materialized_view", "view", "materialized_view"):
        shop.write({"models/big.ff.sql": MATERIALIZED.format(kind=kind, least=6)})
        assert "big" in shop.build()
        assert (shop.kinds("big"), shop.due()) == ({"big": kind}, set())
    shop.write({"models/big.ff.sql": MATERIALIZED.format(kind="incremental', unique_key='id", least=6)})
    shop.build()
    assert (shop.kinds("big"), shop.rows("count_big")) == ({"big": "table"}, [(2,)])


def test_duckdb_has_no_materialized_views(make_shop: Callable[[str], Shop]) -> None:
    shop = make_shop("duckdb")
    shop.write(FILES)
    shop.write({"models/big.ff.sql": MATERIALIZED.format(kind="materialized_view", least=4)})
    for ask in (shop.due, shop.build, lambda: project_identities(shop.load())):
        with pytest.raises(FftError) as caught:
            ask()
        assert str(caught.value) == (
            "models/big.ff.sql:1: model 'big' is a materialized view, which duckdb does not have [FFT-603]\n"
            "    hint: Use materialized='table', or another engine."
        )


def test_readers_never_miss_what_is_rebuilt(shop: Shop) -> None:
    """Tables, views, columns and kinds change under a reader that queries in a loop: it sees one build or the next."""
    query = "{config} select id, user_id, {n} as n{more} from {{{{ ref('raw_orders') }}}}"
    over = "{{ config(materialized='view') }} select n from {{ ref('orders') }}"
    shop.write({"project.yml": "name: shop\nversion: '1'\n", "models/over.ff.sql": over})
    for name in ("models/totals.ff.py", "models/top.ff.sql"):
        (shop.root / name).unlink()
    shop.write({"models/orders.ff.sql": query.format(config="", n=0, more="")})
    shop.build()
    seen: dict[str, set[tuple[object, ...]]] = {"orders": set(), "over": set()}
    failed, done = list[Exception](), threading.Event()
    with open_warehouse(shop.load()) as warehouse:

        def read() -> None:
            with warehouse.session() as session:
                while not done.is_set():
                    for name in seen:
                        table = warehouse.relation(name).sql(session.engine.spelling)
                        try:
                            seen[name].update(session.engine.fetch(f"select count(*), min(n) = max(n) from {table}"))
                        except FftError as error:
                            failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        for n in range(1, 13):
            kind = "{{ config(materialized='view') }}" if n % 4 == 3 else ""
            more = f", {n} as x{n % 3}" if n % 2 else ""
            shop.write({"models/orders.ff.sql": query.format(config=kind, n=n, more=more)})
            project = shop.load()
            session = Warehouse(project, warehouse.engine)
            rebuilder = Rebuilder(project, Identities(project, session.compiler), Request())
            for node in project.stored():
                build_or_reuse(session, rebuilder, node)
        done.set()
        thread.join()
    assert not failed
    assert seen == {"orders": {(3, True)}, "over": {(3, True)}}


def test_kinds_and_columns_change_below_views(shop: Shop) -> None:
    shop.build()
    shop.write({"models/users.ff.sql": "select active, id, name from {{ ref('raw_users') }}"})
    shop.write({"models/all_users.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('users') }}"})
    shop.build()
    shop.write(
        {"models/users.ff.sql": "{{ config(materialized='view') }} select id, name, 1 as x from {{ ref('raw_users') }}"}
    )
    assert {"users"} <= shop.build()
    assert shop.rows("all_users") == [(1,), (2,), (3,)]
    assert shop.due() == set()


def test_bad_rows_are_not_published(shop: Shop) -> None:
    shop.build()
    before = shop.rows("orders")
    shop.write({"models/orders.ff.sql": "select id, 99 as user_id, amount from {{ ref('raw_orders') }}"})
    with pytest.raises(CheckFailedError) as caught:
        shop.build()
    assert all("_ff_stage" not in result.sql for result in caught.value.results)
    assert shop.rows("orders") == before


def test_both_engines_make_equal_rows(make_shop: Callable[[str], Shop]) -> None:
    found = []
    for engine in ("duckdb", "postgres"):
        shop = make_shop(engine)
        shop.write(FILES)
        shop.build()
        found.append({name: shop.rows(name) for name in ("users", "orders", "totals", "top")})
    assert found[0] == found[1]


KEPT = {
    "models/added.ff.sql": "{{ config(materialized='incremental', strategy='append') }} "
    "select id, amount from {{ ref('orders') }} "
    "{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    "models/history.ff.sql": "{{ config(materialized='snapshot', unique_key='id', "
    "snapshot={'strategy': 'check', 'check_cols': 'all'}) }} select id, amount from {{ ref('orders') }}",
}


def test_processes_that_build_one_project_at_once_double_nothing(shop: Shop) -> None:
    shop.write(KEPT)
    for orders in ("", "13,3,2\n14,3,2\n"):
        shop.write({"seeds/raw_orders.csv": FILES["seeds/raw_orders.csv"] + orders})
        command = [sys.executable, str(SCRIPT), str(shop.root)]
        pipe = subprocess.PIPE
        started = [subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True) for _ in range(3)]
        ended = [process.communicate(timeout=60)[0] for process in started]
        assert [process.returncode for process in started] == [0, 0, 0], ended
        built = Counter(line for said in ended for line in said.splitlines() if line.endswith(" build"))
        assert {f"{name} build": 1 for name in ("orders", "totals", "top", "added", "history")}.items() <= built.items()
        assert max(built.values()) == 1, "what one has built, the others reuse"
        assert shop.due() == set()
    assert len(shop.rows("added")) == 5
    assert len(shop.rows("history")) == 5


def test_dagster_builds_it_in_threads(shop: Shop) -> None:
    finished = run_process(sys.executable, "-m", "fft_cli", "build", shop.root, timeout=60)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert shop.due() == set()
    assert shop.rows("top") == [(1, 12)]
    written = {result.name: result for result in read_run_results(shop.root).results}
    knows_sizes = shop.load().engine == "postgres"
    assert all((result.bytes or 0) > 0 for result in written.values() if result.name != "users") is knows_sizes
    assert written["users"].bytes is None  # a view


def test_the_place_of_an_error_is_shown(shop: Shop) -> None:
    shop.build()
    shop.write({"models/top.ff.sql": "select id,\n  amuont as amount\nfrom {{ ref('totals') }}\nlimit 1"})
    with pytest.raises(StatementError) as caught:
        shop.build()
    assert str(caught.value).startswith("models/top.ff.sql:2: model 'top': ")
    shown = ["In the rendered SQL, line 2:", "1 | select id,", "2 |   amuont as amount", "  |   ^", "3 | from "]
    assert "\n        ".join(shown) in str(caught.value)
    assert "LINE" not in str(caught.value)


def test_pruning_a_snapshot_builds_what_reads_it(shop: Shop) -> None:
    shop.write(
        {
            "models/history.ff.sql": "{{ config(materialized='snapshot', unique_key='ID', "
            "snapshot={'strategy': 'check', 'check_cols': 'all'}) }} select id, amount from {{ ref('raw_orders') }}",
            "models/versions.ff.sql": "select count(*) as n from {{ ref('history') }}",
        }
    )
    for amount in (5, 6, 7):
        shop.write({"seeds/raw_orders.csv": f"id,user_id,amount\n10,1,{amount}\n11,1,7\n"})
        shop.build()
    with open_warehouse(shop.load()) as warehouse:
        history, totals = warehouse.project.models["history"], warehouse.project.models["totals"]
        assert prunable_versions(warehouse, history, 2) == 1
        assert prunable_versions(warehouse, history, 1) == prune_snapshot(warehouse, history, 1) == 2
        assert prune_snapshot(warehouse, history, 1) == 0
        with pytest.raises(IncrementError, match="model 'totals' is not a snapshot"):
            prune_snapshot(warehouse, totals, 1)
    assert [row[:2] for row in shop.rows("history")] == [(10, 7), (11, 7)]
    assert shop.due() == {"versions"}
    assert shop.build() == {"versions"}
    assert shop.rows("versions") == [(2,)]


@pytest.mark.parametrize("attempt", range(examples(2, 10)))
def test_a_killed_build_leaves_whole_tables(make_shop: Callable[[str], Shop], attempt: int) -> None:
    shop = make_shop("postgres")
    for version in (1, 2):
        shop.write({"project.yml": FILES["project.yml"].partition("tests")[0]})
        shop.write({f"models/m{i}.ff.sql": _chain(i, version) for i in range(4)})
        if version == 1:
            shop.build()
    command = [sys.executable, str(SCRIPT), str(shop.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    time.sleep(random.Random(attempt).uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.wait()
    for i in range(4):
        assert {row[1] for row in shop.rows(f"m{i}")} in ({1}, {2})
        assert len(shop.rows(f"m{i}")) == 20_000
    shop.build()
    assert {row[1] for row in shop.rows("m3")} == {2}
    assert shop.due() == set()


def _chain(index: int, version: int) -> str:
    below = f"select i, version from {{{{ ref('m{index - 1}') }}}}"
    return below if index else f"select i, {version} as version from generate_series(1, 20000) as s(i)"
