"""What every engine does, as tests that its author runs: a class is derived from `EngineContract`.

    class TestMine(EngineContract):
        engine = "mine"
        levels = {**dict.fromkeys(LEVELS, Full()), "snapshot": No("rows cannot be updated")}

        @pytest.fixture
        def settings(self, tmp_path):
            return {"path": str(tmp_path / "db.mine")}

The files of the projects that it builds are plain SQL; what an engine spells in another way is a class attribute.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import pytest

from fft_core.checks.run import CheckFailedError
from fft_core.engines.protocol import RelationKind, Seal, Session, Want, open_session
from fft_core.engines.spec import EngineSpec, Support
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import EngineError, FftError, MissingRelationError, StatementError
from fft_core.names import Relation
from fft_core.plan.decide import Request
from fft_core.project.model import Project
from fft_core.run.run import Run
from fft_core.testing.claims import LEVELS, expect, level
from fft_core.testing.project import make_project

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = list[tuple[Any, ...]]  # Any: whatever the driver gives
_WORDS = ("plain", 'it\'s a \\ "text" {of} `ours`;', "-- no comment", "", "ünïcödé 火", "two\nlines\tand a tab")
_TYPES = "schema.yml"


class EngineContract:
    """Tests that each engine passes at the levels that it claims. A claim that is wrong fails, either way.

    Attributes:
        engine: The name of the engine.
        levels: What is claimed for each of `LEVELS`.
        slow_query: A query that takes seconds, to be interrupted.
    """

    engine: ClassVar[str]
    levels: ClassVar[Mapping[str, Support]]
    slow_query: ClassVar[str] = (
        "with recursive r(i) as (select 1 union all select i + 1 from r where i < 30000000) select max(i) from r"
    )

    # What a class of tests is given. An author overrides `settings`.

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Mapping[str, Any]:
        """Return the settings of a profile for a database that is empty, and of nobody else."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture `settings`")

    @pytest.fixture
    def session(self, settings: Mapping[str, Any]) -> Iterator[Session]:
        """Open a session on it."""
        session = open_session(self.engine, settings)
        session.create_schema(session.relation("any"))
        yield session
        session.close()

    @pytest.fixture
    def shop(self, tmp_path: Path, settings: Mapping[str, Any]) -> Shop:
        """Make an empty project on it."""
        return Shop(tmp_path / "project", self.engine, settings)

    @property
    def spec(self) -> EngineSpec:
        """What is known of the engine."""
        return spec_of(self.engine)

    def publish(self, session: Session, name: str, query: str, kind: RelationKind = "table") -> Relation:
        """Publish the rows of a query, with the stamp ab."""
        relation = session.relation(name)
        with session.turn():
            there = session.inspect([relation]).get(relation)
            with session.publisher.stage(relation, kind, replaces=there.kind if there else None) as stage:
                columns, _ = stage.write(query)
                stage.publish(Seal("ab", columns))
        return relation

    def test_each_level_is_claimed(self) -> None:
        assert set(self.levels) == set(LEVELS)
        assert all(isinstance(claim, Support) for claim in self.levels.values())

    # reads

    @level("reads")
    def test_texts_come_back_as_they_are(self, session: Session) -> None:
        literal = session.spelling.literal
        ((*found,),) = session.fetch(f"select {', '.join(f'{literal(t)} as t{i}' for i, t in enumerate(_WORDS))}")
        assert found == list(_WORDS)

    @level("reads")
    def test_the_columns_of_a_query_are_told_without_running_it(self, session: Session) -> None:
        names = ["id", "a b", "select", "it's"]
        quoted = session.spelling.quoted
        query = f"select {', '.join(f'{i} as {quoted(name)}' for i, name in enumerate(names))}"
        assert [column.name for column in session.columns(query)] == names
        assert all(column.type for column in session.columns(query))

    @level("reads")
    def test_what_is_there_is_described(self, session: Session) -> None:
        table, view = self.publish(session, "t", "select 1 as a, 'x' as b"), session.relation("v")
        self.publish(session, "v", session.spelling.select_all(table), "view")
        found = session.inspect([table, view, session.relation("nothing")], ~Want.KIND)
        assert {relation: info.kind for relation, info in found.items()} == {table: "table", view: "view"}
        assert [info.stamp for info in found.values()] == ["ab", "ab"]
        assert found[table].rows == 1
        assert [column.name for column in found[table].columns] == ["a", "b"]
        assert session.inspect([]) == {}

    @level("reads")
    def test_a_missing_relation_is_named(self, session: Session) -> None:
        with pytest.raises(StatementError) as caught:
            session.fetch("select * from nowhere")
        assert (caught.value.missing or "").lower() == "nowhere"

    @level("reads")
    def test_what_is_wrong_with_a_statement_is_an_error_of_ours(self, session: Session) -> None:
        for wrong in ("select nothing", "no sql at all"):
            with pytest.raises(StatementError):
                session.fetch(wrong)
        assert session.fetch("select 1") == [(1,)]

    # builds

    @level("builds")
    def test_a_project_is_built_and_then_reused(self, shop: Shop) -> None:
        shop.write(SHOP)
        assert shop.build() == {"raw_orders", "orders", "big", "by_python"}
        assert shop.rows("orders", "id, amount") == [(1, 5), (2, 50), (3, 500)]
        assert shop.rows("big", "id") == [(2,), (3,)]
        assert shop.rows("by_python", "id, twice") == [(1, 10), (2, 100), (3, 1000)]
        assert shop.build() == set()

    @level("builds")
    def test_an_edit_builds_what_it_concerns(self, shop: Shop) -> None:
        shop.write(SHOP)
        shop.build()
        shop.write({"models/big.ff.sql": BIG.replace("10", "100")})
        assert shop.build() == {"big"}
        assert shop.rows("big", "id") == [(3,)]
        shop.write({"seeds/raw_orders.csv": "id,amount\n1,7\n"})
        assert shop.build() >= {"raw_orders", "orders", "by_python"}
        assert shop.rows("orders", "id, amount") == [(1, 7)]

    @level("builds")
    def test_what_was_changed_by_hand_is_built_again(self, shop: Shop) -> None:
        shop.write(SHOP)
        shop.build()
        for statement in ("drop table {}", "alter table {} add column other integer"):
            with shop.opened() as run:
                engine, relation = run.sessions.of_thread().engine, run.sessions.of_thread().relation("by_python")
                engine.execute(statement.format(relation.sql(engine.spelling)))
            assert shop.build() == {"by_python"}
            assert shop.rows("by_python", "id, twice") == [(1, 10), (2, 100), (3, 1000)]

    @level("builds")
    def test_a_relation_of_another_kind_is_replaced(self, shop: Shop) -> None:
        for kind, number in (("table", 1), ("view", 2), ("table", 3), ("view", 4)):
            shop.write({"models/m.ff.sql": f"{{{{ config(materialized='{kind}') }}}} select {number} as n"})
            assert shop.build() == {"m"}
            assert shop.rows("m", "n") == [(number,)]
            assert shop.kind("m") == kind

    @level("builds")
    def test_a_model_that_fails_leaves_the_table_of_before(self, shop: Shop) -> None:
        shop.write({"models/m.ff.sql": "select 1 as n"})
        shop.build()
        shop.write({"models/m.ff.sql": "select nothing as n"})
        with pytest.raises(StatementError, match=r"m\.ff\.sql"):
            shop.build()
        assert shop.rows("m", "n") == [(1,)]
        assert shop.tables() == {"m"}

    @level("builds")
    def test_a_missing_input_is_named(self, shop: Shop) -> None:
        shop.write(SHOP)
        with pytest.raises(MissingRelationError, match="orders"):
            shop.build("big")

    @level("builds")
    def test_a_python_model_can_be_a_view(self, shop: Shop) -> None:
        shop.write({**SHOP, "models/by_python.ff.py": BY_PYTHON.replace(")\n", ", materialized='view')\n", 1)})
        shop.build()
        assert shop.rows("by_python", "id, twice") == [(1, 10), (2, 100), (3, 1000)]
        assert shop.kind("by_python") == "view"
        assert shop.build() == set()

    # checks

    @level("checks")
    def test_rows_that_fail_a_check_are_not_published(self, shop: Shop) -> None:
        check = "- {type: not_null, table: m, column: n}"
        shop.write({"project.yml": PROJECT_YML.format(check), "models/m.ff.sql": "select 1 as n"})
        shop.build()
        shop.write({"models/m.ff.sql": "select 2 as n union all select cast(null as integer)"})
        with pytest.raises(CheckFailedError, match="m is not published"):
            shop.build()
        assert shop.rows("m", "n") == [(1,)]
        assert shop.tables() == {"m"}

    @level("checks")
    def test_a_check_of_a_view_holds_back_what_it_reads(self, shop: Shop) -> None:
        check = "- {type: greater_equal, table: v, column: n, threshold: 0}"
        view = "{{ config(materialized='view') }} select n - 5 as n from {{ ref('m') }}"
        shop.write({"project.yml": PROJECT_YML.format(check), "models/m.ff.sql": "select 6 as n"})
        shop.write({"models/v.ff.sql": view})
        shop.build()
        shop.write({"models/m.ff.sql": "select 4 as n"})
        with pytest.raises(CheckFailedError, match="v"):
            shop.build()
        assert shop.rows("v", "n") == [(1,)]

    @level("checks")
    def test_each_kind_of_check_counts_right(self, shop: Shop) -> None:
        good = "\n".join(f"  - {{{check}, severity: warn}}" for check in PASSING)
        bad = "\n".join(f"  - {{{check}, severity: warn}}" for check in FAILING)
        shop.write({"project.yml": PROJECT_YML.format(f"{good}\n{bad}".strip()), **CHECKED})
        shop.build()
        with shop.opened() as run:
            found = [result.failing_rows for node in ("parent", "child") for result in run.check(node)]
        assert sorted(found) == sorted([0] * len(PASSING) + [1] * len(FAILING))

    # incremental

    @level("incremental")
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ("strategy='append'", [(1, 1), (2, 1), (2, 2), (3, 2)]),
            ("unique_key='id'", [(1, 1), (2, 2), (3, 2)]),
            ("unique_key='id', strategy='delete_insert'", [(1, 1), (2, 2), (3, 2)]),
            ("strategy='insert_overwrite', partition_by='v'", [(1, 1), (2, 1), (2, 2), (3, 2)]),
        ],
        ids=["append", "merge", "delete_insert", "insert_overwrite"],
    )
    def test_increments_are_applied(self, shop: Shop, config: str, expected: Rows) -> None:
        shop.increments(config, [(1, 1), (2, 1)], [(2, 2), (3, 2)])
        assert shop.rows("m", "id, v") == expected
        assert shop.build() == set()

    @level("incremental")
    def test_an_increment_that_fails_leaves_the_table_of_before(self, shop: Shop) -> None:
        with pytest.raises(FftError, match="occur more than once"):
            shop.increments("unique_key='id'", [(1, 1)], [(2, 2), (2, 3)])
        assert shop.rows("m", "id, v") == [(1, 1)]

    @level("incremental")
    def test_new_columns_are_added(self, shop: Shop) -> None:
        shop.increments("unique_key='id', on_schema_change='append_new_columns'", [(1, 1)], [(1, 1)])
        query = "select id, v, v + 1 as w from {{ ref('rows') }}"
        config = "{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns') }}"
        shop.write({"seeds/rows.csv": "id,v\n2,2\n", "models/m.ff.sql": f"{config}\n{query}"})
        shop.build()
        assert shop.rows("m", "id, v, w") in ([(1, 1, None), (2, 2, 3)], [(2, 2, 3)])  # a new text may build anew

    # snapshot

    @level("snapshot")
    def test_the_versions_of_rows_are_kept(self, shop: Shop) -> None:
        config = "unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all', 'hard_deletes': 'invalidate'}"
        shop.increments(config, [(1, 1), (2, 1)], [(2, 2), (3, 2)], kind="snapshot")
        found = shop.rows("m", "id, v, case when _ff_is_current then 1 else 0 end")
        assert found == [(1, 1, 0), (2, 1, 0), (2, 2, 1), (3, 2, 1)]
        ended = "select count(*) from {} where _ff_valid_to is null and not _ff_is_current"
        assert shop.fetch(ended, "m") == [(0,)]

    # concurrent

    @level("concurrent")
    def test_threads_build_beside_each_other(self, shop: Shop) -> None:
        names = [f"m{number}" for number in range(8)]
        shop.write({f"models/{name}.ff.sql": f"select {number} as n" for number, name in enumerate(names)})
        with shop.opened() as run, ThreadPoolExecutor(4) as pool:
            list(pool.map(run.build, run.order()))
        assert [shop.rows(name, "n") for name in names] == [[(number,)] for number in range(8)]
        assert shop.build() == set()

    @level("concurrent")
    def test_a_reader_sees_the_old_rows_or_the_new_ones(self, session: Session) -> None:
        rows = " union all ".join(f"select {number} as i" for number in range(50))
        relation = self.publish(session, "t", f"select i, 0 as n from ({rows}) as s")
        reader, seen, failed, done = session.for_thread(), set[Any](), list[EngineError](), threading.Event()

        def read() -> None:
            while not done.is_set():
                try:
                    with reader.turn():
                        found = reader.fetch(f"select count(*), max(n) - min(n) from {relation.sql(reader.spelling)}")
                    seen.update(found)
                except EngineError as error:
                    failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(1, 10):
            self.publish(session, "t", f"select i, {number} as n from ({rows}) as s")
        done.set()
        thread.join()
        reader.close()
        assert not failed
        assert seen == {(50, 0)}

    @level("concurrent")
    def test_a_running_statement_is_interrupted(self, session: Session) -> None:
        timer = threading.Timer(0.2, session.interrupt)
        with session.turn():
            timer.start()
            with pytest.raises(EngineError, match="interrupted"):
                session.fetch(self.slow_query)
        with session.turn():
            assert session.fetch("select 1") == [(1,)]

    # frames

    @level("frames")
    def test_frames_come_back_as_they_went(self, session: Session) -> None:
        frame = plain_frame()
        with session.turn(), session.frames.query(frame) as query:
            found = session.frames.read(query)
        assert found.to_pydict() == frame.to_pydict()
        assert [field.type for field in found.schema] == [field.type for field in frame.schema]

    @level("frames")
    def test_a_frame_without_rows_keeps_its_columns(self, session: Session) -> None:
        frame = plain_frame().slice(0, 0)
        with session.turn(), session.frames.query(frame) as query:
            found = session.frames.read(query)
        assert found.num_rows == 0
        assert [field.type for field in found.schema] == [field.type for field in frame.schema]

    # capabilities

    @pytest.mark.parametrize(
        "name", ["transactions", "materialized_views", "renames_repeated_columns", "changes_rows", "temporary_tables"]
    )
    def test_a_capability_is_as_claimed(self, session: Session, name: str) -> None:
        claim = getattr(self.spec.can, name)
        expect(claim, f"the capability {name!r}", lambda: getattr(self, f"_has_{name}")(session))

    def _has_transactions(self, session: Session) -> None:
        relation = self.publish(session, "t", "select 1 as a")
        with suppress(ZeroDivisionError), session.turn(), session.publisher.stage(relation, "table") as stage:
            columns, _ = stage.write("select 2 as a")
            stage.publish(Seal("cd", columns))
            raise ZeroDivisionError
        assert session.fetch(session.spelling.select_all(relation)) == [(1,)]

    def _has_materialized_views(self, session: Session) -> None:
        table = self.publish(session, "t", "select 1 as a")
        stored = self.publish(session, "m", session.spelling.select_all(table), "materialized_view")
        self.publish(session, "t", "select 2 as a")
        assert session.fetch(session.spelling.select_all(stored)) == [(1,)]

    def _has_renames_repeated_columns(self, session: Session) -> None:
        relation = session.relation("t")
        session.execute(session.spelling.create_as(relation, "table", "select 1 as a, 2 as a", replaces=False))

    def _has_changes_rows(self, session: Session) -> None:
        relation, spelling = self.publish(session, "t", "select 1 as a union all select 2"), session.spelling
        session.execute(spelling.update(relation, {spelling.quoted("a"): "3"}, f"{spelling.quoted('a')} = 1"))
        session.execute(spelling.delete(relation, f"{spelling.quoted('a')} = 2"))
        assert session.fetch(spelling.select_all(relation)) == [(3,)]

    def _has_temporary_tables(self, session: Session) -> None:
        with session.turn():
            session.execute(session.spelling.create_temporary("_ff_mine", "select 1 as a"))
            place = session.temporary("_ff_mine").sql(session.spelling)
            assert session.fetch(f"select a from {place}") == [(1,)]
            other = session.for_thread()
            with pytest.raises(StatementError):
                other.fetch(f"select a from {place}")
            other.close()


class Shop:
    """A project on disk that is written, built and looked at, on one database."""

    def __init__(self, root: Path, engine: str, settings: Mapping[str, Any]) -> None:
        self._root, self._engine, self._settings = root, engine, settings
        self._files: dict[str, str] = {}

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; those of before stay."""
        self._files |= files

    def load(self) -> Project:
        return make_project(self._root, self._files, engine=self._engine, settings=self._settings)

    @contextmanager
    def opened(self, request: Request | None = None) -> Iterator[Run]:
        with Run(self.load(), request) as run:
            yield run

    def build(self, *names: str) -> set[str]:
        """Build what must be built, of some nodes or of all; return the names of what was."""
        with self.opened() as run:
            results = [run.build(node) for node in run.order() if not names or node.name in names]
        return {result.decision.name for result in results if result.decision.is_build}

    def increments(self, config: str, *versions: Sequence[tuple[int, int]], kind: str = "incremental") -> None:
        """Build a model of that kind on a seed of these rows, and then on the next ones."""
        config = f"{{{{ config(materialized='{kind}', {config}) }}}}"
        self.write({"models/m.ff.sql": f"{config}\nselect id, v from {{{{ ref('rows') }}}}"})
        self.write({f"seeds/{_TYPES}": "columns:\n  rows: {id: integer, v: integer}\n"})
        for version in versions:
            self.write({"seeds/rows.csv": "id,v\n" + "".join(f"{id},{v}\n" for id, v in version)})
            self.build()

    def fetch(self, sql: str, name: str) -> Rows:
        """Run a query, in which braces stand for a relation."""
        with self.opened() as run:
            warehouse = run.sessions.of_thread()
            with warehouse.engine.turn():
                return warehouse.engine.fetch(sql.format(warehouse.relation(name).sql(warehouse.engine.spelling)))

    def rows(self, name: str, columns: str) -> Rows:
        return sorted(tuple(row) for row in self.fetch(f"select {columns} from {{}}", name))

    def kind(self, name: str) -> RelationKind | None:
        with self.opened() as run:
            warehouse = run.sessions.of_thread()
            relation = warehouse.relation(name)
            there = warehouse.engine.inspect([relation]).get(relation)
            return there.kind if there else None

    def tables(self) -> set[str]:
        """Name what is there beside the records; an engine without a list of its tables has none to tell."""
        with self.opened() as run:
            warehouse = run.sessions.of_thread()
            names = warehouse.engine.fetch(warehouse.engine.spelling.names_like(warehouse.relation("m"), ""))
        ours = {"_ff_meta", "_ff_migrations", "_ff_stamps"}
        return {name.lower() for (name,) in names} - ours


def plain_frame() -> pa.Table:
    """Return a frame of the types that every engine is expected to keep."""
    import pyarrow as pa

    return pa.table(
        {
            "i": pa.array([1, None, -(2**53)], pa.int64()),
            "f": pa.array([1.5, None, -2.0], pa.float64()),
            "s": pa.array(['a"b\n,', None, ""], pa.string()),
            "b": pa.array([True, None, False], pa.bool_()),
            "d": pa.array([0, None, 19000], pa.date32()),
            "t": pa.array([1, None, 10**15], pa.timestamp("us")),
        }
    )


def matrix(contracts: Sequence[type[EngineContract]]) -> str:
    """Return what engines claim for each level, as a table in Markdown."""
    names = [contract.engine for contract in contracts]
    lines = [f"| | {' | '.join(names)} |", f"| --- | {' | '.join('---' for _ in names)} |"]
    for name, said in LEVELS.items():
        claims = [str(contract.levels[name]) for contract in contracts]
        lines.append(f"| **{name}** {said} | {' | '.join(claims)} |")
    return "".join(f"{line}\n" for line in lines)


PROJECT_YML = "name: tested\nversion: '1'\ntests:\n  {}\n"
BIG = "{{ config(materialized='view') }}\nselect id, amount from {{ ref('orders') }} where amount >= 10"
BY_PYTHON = """\
from fft_core import model

@model(name="by_python", deps=["orders"])
def build(orders):
    return orders.assign(twice=orders["amount"] * 2)
"""
SHOP = {
    "seeds/schema.yml": "columns:\n  raw_orders: {id: integer, amount: integer}\n",
    "seeds/raw_orders.csv": "id,amount\n1,5\n2,50\n3,500\n",
    "models/orders.ff.sql": "select id, amount from {{ ref('raw_orders') }}",
    "models/big.ff.sql": BIG,
    "models/by_python.ff.py": BY_PYTHON,
}
CHECKED = {
    "models/parent.ff.sql": "select 1 as id union all select 2",
    "models/child.ff.sql": "select 1 as id, 1 as parent, 5 as v union all select 1, 3, null union all select 2, 1, -5",
}
PASSING = (
    "type: unique, table: parent, column: id",
    "type: not_null, table: parent, column: id",
    "type: row_count_between, table: parent, min_rows: 1, max_rows: 2",
    "type: accepted_values, table: parent, column: id, values: [1, 2]",
    "type: greater_equal, table: parent, column: id, threshold: 1",
    "type: non_negative_sum, table: parent, column: id",
    "type: relationships, table: parent, column: id, to: ref('parent'), field: id",
)
FAILING = (
    "type: unique, table: child, column: id",
    "type: not_null, table: child, column: v",
    "type: row_count_between, table: child, min_rows: 4",
    "type: accepted_values, table: child, column: v, values: [5]",
    "type: greater_equal, table: child, column: v, threshold: 0",
    "type: relationships, table: child, column: parent, to: ref('parent'), field: id",
)
