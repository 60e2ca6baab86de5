"""Whatever happens, a run with skips leaves what a clean build of the same state would leave."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from world import SEEDS, SOURCE, ModelText, Rows, World, clean_build, contents, plan, run

SEQUENCES = int(os.environ.get("FFT_ORACLE_SEQUENCES", "200"))
KINDS = st.sampled_from(["table", "table", "view", "ephemeral", "python"])
ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=6)
NAMES = [f"m{i}" for i in range(6)]


class Oracle(RuleBasedStateMachine):
    """Edits, accidents and runs in any order; after each full run the oracle is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Path(tempfile.mkdtemp()), on_disk=False)
        self.only_no_ops = False  # since the last full run that failed nowhere

    @initialize(data=st.data(), on_disk=st.sampled_from([False] * 7 + [True]), seed_a=ROWS, seed_b=ROWS, source=ROWS)
    def start(self, data: st.DataObject, on_disk: bool, seed_a: Rows, seed_b: Rows, source: Rows) -> None:
        self.world.on_disk = on_disk
        self.world.seeds = dict(zip(SEEDS, (seed_a, seed_b), strict=True))
        self.world.source = source
        for name in NAMES[: data.draw(st.integers(2, 5))]:
            self._add(data, name)

    def teardown(self) -> None:
        self.world.close()
        shutil.rmtree(self.world.root, ignore_errors=True)

    def _add(self, data: st.DataObject, name: str) -> None:
        self.world.models[name] = ModelText(
            name,
            self._inputs(data, name),
            kind=data.draw(KINDS),
            constant=data.draw(st.integers(0, 3)),
            uses_macro=data.draw(st.booleans()),
            uses_var=data.draw(st.booleans()),
            uses_env=data.draw(st.booleans()),
            cutoff=data.draw(st.sampled_from([True, True, False])),
        )

    def _inputs(self, data: st.DataObject, name: str) -> tuple[str, ...]:
        before = [n for n in self.world.models if n < name]
        known = [*SEEDS, SOURCE, *before, *before]
        chosen = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=2))
        return tuple(dict.fromkeys(chosen))

    def _some(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.world.models)))

    # --- edits --------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), constant=st.integers(0, 3), modulus=st.sampled_from([5, 7]))
    def edit_model(self, data: st.DataObject, constant: int, modulus: int) -> None:
        self.world.edit(self._some(data), constant=constant, modulus=modulus)
        self.only_no_ops = False

    @rule(data=st.data(), kind=KINDS)
    def change_kind(self, data: st.DataObject, kind: str) -> None:
        self.world.edit(self._some(data), kind=kind)
        self.only_no_ops = False

    @rule(data=st.data())
    def rewire(self, data: st.DataObject) -> None:
        name = self._some(data)
        self.world.edit(name, inputs=self._inputs(data, name))
        self.only_no_ops = False

    @rule(data=st.data())
    def add_model(self, data: st.DataObject) -> None:
        missing = [name for name in NAMES if name not in self.world.models]
        if missing:
            self._add(data, missing[0])
            self.only_no_ops = False

    @rule(data=st.data())
    def remove_leaf(self, data: st.DataObject) -> None:
        read = {name for model in self.world.models.values() for name in model.inputs}
        leaves = sorted(set(self.world.models) - read)
        if len(self.world.models) > 1 and leaves:
            del self.world.models[data.draw(st.sampled_from(leaves))]

    @rule(data=st.data(), text=st.sampled_from(["a note", "another", "ref('nothing')"]))
    def comment_or_describe(self, data: st.DataObject, text: str) -> None:
        self.world.edit(self._some(data), comment=text, description=text.replace("'", ""))
        self.world.helper_comment = text

    @rule(value=st.integers(0, 2))
    def edit_macro(self, value: int) -> None:
        self.world.macro = value
        self.only_no_ops = False

    @rule(value=st.integers(0, 2))
    def edit_helper(self, value: int) -> None:
        self.world.helper = value
        self.only_no_ops = False

    @rule(value=st.integers(0, 2))
    def edit_var(self, value: int) -> None:
        self.world.step = value
        self.only_no_ops = False

    @rule(name=st.sampled_from(["OUR_SHIFT", "FF_TOGGLE"]), value=st.sampled_from(["0", "1", None]))
    def edit_environment(self, name: str, value: str | None) -> None:
        self.world.environment.pop(name, None)
        if value is not None:
            self.world.environment[name] = value
        self.only_no_ops = False

    @rule(name=st.sampled_from(SEEDS), rows=ROWS)
    def edit_seed(self, name: str, rows: Rows) -> None:
        self.world.seeds[name] = rows
        self.only_no_ops = False

    @rule(rows=ROWS)
    def edit_source(self, rows: Rows) -> None:
        self.world.source = rows
        if self.world.warehouse is not None:
            self.world.fill_source(self.world.warehouse)
        self.only_no_ops = False

    @precondition(lambda self: self.world.warehouse is not None)
    @rule()
    def reorder_source(self) -> None:
        self.world.source = list(reversed(self.world.source))
        self.world.fill_source(self.world.warehouse)  # type: ignore[arg-type]

    # --- accidents ----------------------------------------------------------------------------------------------------

    @rule(data=st.data(), broken=st.booleans())
    def break_or_mend_model(self, data: st.DataObject, broken: bool) -> None:
        self.world.edit(self._some(data), broken=broken)
        self.only_no_ops = False

    @rule(data=st.data(), failing=st.booleans())
    def break_or_mend_check(self, data: st.DataObject, failing: bool) -> None:
        self.world.edit(self._some(data), failing_check=failing)
        self.only_no_ops = False

    @precondition(lambda self: self.world.warehouse is not None)
    @rule(data=st.data(), replace=st.booleans())
    def drop_or_replace_by_hand(self, data: st.DataObject, replace: bool) -> None:
        assert self.world.warehouse is not None
        engine, name = self.world.warehouse.engine, self._some(data)
        relation = engine.relation(name)
        kind = engine.kinds([relation]).get(relation)
        if kind is None:
            return
        table = relation.sql("duckdb")
        if replace:  # by a table of the same columns and as many rows
            engine.execute(f"create table by_hand as select id, (val + 1) % 1000 as val from {table}")
        engine.execute(f"drop {kind} {table}")
        if replace:
            engine.execute(f"alter table by_hand rename to {name}")
        self.only_no_ops = False

    # --- runs ---------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def partial_run(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from([*SEEDS, *sorted(self.world.models)]), min_size=1))
        warehouse = self.world.open(self.world.load())
        run(warehouse, frozenset(chosen))
        self.only_no_ops = False

    @rule()
    def full_run(self) -> None:
        project = self.world.load()
        warehouse = self.world.open(project)
        planned = plan(warehouse)
        outcome = run(warehouse)
        expected, clean = clean_build(self.world, project)
        assert outcome.failed == clean.failed
        found = contents(warehouse, outcome.failed)
        for name in expected:
            assert found[name] == expected[name], f"{name} is not what a clean build makes"
        assert outcome.built <= {decision.name for decision in planned.builds}, "built what was not planned"
        again = [d for d in plan(warehouse).builds if d.name not in outcome.failed]
        assert not again, f"a second plan builds {[(d.name, [str(r) for r in d.reasons]) for d in again]}"
        if self.only_no_ops:
            assert not outcome.built, f"nothing changed, and {sorted(outcome.built)} were built"
        self.only_no_ops = not outcome.failed

    @invariant()
    def no_stage_is_left(self) -> None:
        if self.world.warehouse is not None:
            tables = self.world.warehouse.engine.fetch("select table_name from duckdb_tables()")
            assert not [name for (name,) in tables if "stage" in name or name == "by_hand"]


def test_a_run_with_skips_equals_a_clean_build() -> None:
    run_state_machine_as_test(
        Oracle,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=14,
            deadline=None,
            derandomize=SEQUENCES <= 200,
            suppress_health_check=list(HealthCheck),
        ),
    )
