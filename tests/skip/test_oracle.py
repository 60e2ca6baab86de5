"""Whatever happens, a run with skips leaves what a clean build of the same state would leave."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sweeps import FIRST_SEED, examples
from targets import Target
from world import SEEDS, SOURCE, ModelText, Rows, World, clean_build, contents, plan, run

from fft_core import FftError

SEQUENCES = examples(12, 200)
SHARDS = 4
KINDS = st.sampled_from(["table", "table", "view", "ephemeral", "python"])
ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=6)
NAMES = [f"m{i}" for i in range(6)]


class Oracle(RuleBasedStateMachine):
    """Edits, accidents and runs in any order; after each full run the oracle is asked."""

    kinds = KINDS
    target = Target()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Path(tempfile.mkdtemp()), on_disk=False, target=self.target)
        self.only_no_ops = False  # since the last full run that failed nowhere

    @initialize(data=st.data(), on_disk=st.sampled_from([False] * 7 + [True]), seed_a=ROWS, seed_b=ROWS, source=ROWS)
    def start(self, data: st.DataObject, on_disk: bool, seed_a: Rows, seed_b: Rows, source: Rows) -> None:
        self.world.on_disk = on_disk
        self.world.seeds = dict(zip(SEEDS, (seed_a, seed_b), strict=True))
        self.world.source = source
        for name in NAMES[: data.draw(st.integers(2, 5))]:
            self._add(data, name)

    def teardown(self) -> None:
        self.world.end()
        shutil.rmtree(self.world.root, ignore_errors=True)

    def _add(self, data: st.DataObject, name: str) -> None:
        self.world.models[name] = self._text(
            name,
            inputs=self._inputs(data, name),
            kind=data.draw(self.kinds),
            constant=data.draw(st.integers(0, 3)),
            uses_macro=data.draw(st.booleans()),
            uses_var=data.draw(st.booleans()),
            uses_env=data.draw(st.booleans()),
            cutoff=data.draw(st.sampled_from([True, True, False])),
        )

    def _text(self, name: str, **said: object) -> ModelText:
        return ModelText(name, **said)  # type: ignore[arg-type]

    def _inputs(self, data: st.DataObject, name: str) -> tuple[str, ...]:
        before = [n for n in self.world.models if n < name]
        known = [*SEEDS, SOURCE, *before, *before]
        chosen = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=2))
        return tuple(dict.fromkeys(chosen))

    def _some(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.world.models)))

    # --- edits and accidents ------------------------------------------------------------------------------------------

    def _edit_model(self, data: st.DataObject) -> None:
        constant, modulus = data.draw(st.integers(0, 3)), data.draw(st.sampled_from([5, 7]))
        self.world.edit(self._some(data), constant=constant, modulus=modulus)

    def _change_kind(self, data: st.DataObject) -> None:
        self.world.edit(self._some(data), kind=data.draw(self.kinds))

    def _rewire(self, data: st.DataObject) -> None:
        name = self._some(data)
        self.world.edit(name, inputs=self._inputs(data, name))

    def _add_model(self, data: st.DataObject) -> None:
        missing = [name for name in NAMES if name not in self.world.models]
        if missing:
            self._add(data, missing[0])

    def _remove_leaf(self, data: st.DataObject) -> None:
        read = {name for model in self.world.models.values() for name in model.inputs}
        leaves = sorted(set(self.world.models) - read)
        if len(self.world.models) > 1 and leaves:
            del self.world.models[data.draw(st.sampled_from(leaves))]

    def _comment_or_describe(self, data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(["a note", "another", "ref('nothing')"]))
        self.world.edit(self._some(data), comment=text, description=text.replace("'", ""))
        self.world.helper_comment = text

    def _edit_macro(self, data: st.DataObject) -> None:
        self.world.macro = data.draw(st.integers(0, 2))

    def _edit_helper(self, data: st.DataObject) -> None:
        self.world.helper = data.draw(st.integers(0, 2))

    def _edit_var(self, data: st.DataObject) -> None:
        self.world.step = data.draw(st.integers(0, 2))

    def _edit_environment(self, data: st.DataObject) -> None:
        name, value = data.draw(st.sampled_from(["OUR_SHIFT", "FF_TOGGLE"])), data.draw(st.sampled_from(["0", "1", ""]))
        self.world.environment.pop(name, None)
        if value:
            self.world.environment[name] = value

    def _edit_seed(self, data: st.DataObject) -> None:
        self.world.seeds[data.draw(st.sampled_from(SEEDS))] = data.draw(ROWS)

    def _edit_source(self, data: st.DataObject) -> None:
        self.world.source = data.draw(ROWS)
        self._fill_source()

    def _reorder_source(self, data: st.DataObject) -> None:
        self.world.source = list(reversed(self.world.source))
        self._fill_source()

    def _fill_source(self) -> None:
        if self.world.warehouse is not None:
            self.world.fill_source(self.world.warehouse)

    def _break_or_mend_model(self, data: st.DataObject) -> None:
        self.world.edit(self._some(data), broken=data.draw(st.booleans()))

    def _break_or_mend_check(self, data: st.DataObject) -> None:
        self.world.edit(self._some(data), failing_check=data.draw(st.booleans()))

    def _drop_or_replace_by_hand(self, data: st.DataObject) -> None:
        if self.world.warehouse is None:
            return
        engine, name = self.world.warehouse.engine, self._some(data)
        relation = self.world.warehouse.place(name)
        there = engine.inspect([relation]).get(relation)
        if there is None:
            return
        is_plain = relation == engine.relation(name)
        table, replace = relation.sql(engine.spelling), is_plain and data.draw(st.booleans())
        cascade = "cascade" if engine.dialect == "postgres" else ""  # with the views that hang on it
        if replace:  # by a table of the same columns and as many rows
            try:
                engine.execute(f"create table by_hand as select id, (val + 1) % 1000 as val from {table}")
            except FftError:  # a view over something that was dropped by hand before
                replace = False
        engine.execute(f"drop {there.kind} {table} {cascade}")
        if replace:
            try:
                engine.execute(f"alter table by_hand rename to {name}")
            except FftError:  # a table of Parquet whose folder still has the rows of the build before
                engine.execute("drop table by_hand")

    _CHANGES: tuple[Any, ...] = (
        _edit_model,
        _change_kind,
        _rewire,
        _add_model,
        _remove_leaf,
        _edit_macro,
        _edit_helper,
        _edit_var,
        _edit_environment,
        _edit_seed,
        _edit_source,
        _break_or_mend_model,
        _break_or_mend_check,
        _drop_or_replace_by_hand,
    )
    _NO_CHANGES = (_comment_or_describe, _reorder_source)

    def _something_happens(self, data: st.DataObject) -> None:
        for change in data.draw(st.lists(st.sampled_from(self._CHANGES), max_size=3)):
            change(self, data)
            self.only_no_ops = False
        for no_change in data.draw(st.lists(st.sampled_from(self._NO_CHANGES), max_size=1)):
            no_change(self, data)

    # --- runs ---------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def partial_run(self, data: st.DataObject) -> None:
        self._something_happens(data)
        chosen = data.draw(st.sets(st.sampled_from([*SEEDS, *sorted(self.world.models)]), min_size=1))
        warehouse = self.world.open(self.world.load())
        run(warehouse, frozenset(chosen))
        self.only_no_ops = False

    @rule(data=st.data())
    def full_run(self, data: st.DataObject) -> None:
        self._something_happens(data)
        self._run_and_ask()

    @rule(data=st.data())
    def another_full_run(self, data: st.DataObject) -> None:
        self.full_run(data)

    def _run_and_ask(self) -> None:
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
            place = self.world.warehouse.relation("any")
            names = self.world.warehouse.engine.names_beside(place, "")
            left = ("_ff_stage", "_ff_swap", "by_hand")
            assert not [name for name in names if name.lower().startswith(left)]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_run_with_skips_equals_a_clean_build(shard: int) -> None:
    ask(seed(shard + FIRST_SEED)(type("Shard", (Oracle,), {})), SEQUENCES // SHARDS, steps=6)


def test_a_run_with_skips_equals_a_clean_build_on_postgres(postgres_dsn: str) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (Oracle,), {"target": Target(postgres_dsn)})), SEQUENCES // 4, steps=6)


NAMING = "naming: {schema: \"{{ default_schema ~ '_' ~ schema if schema else default_schema }}\"}\n"


class MovingOracle(Oracle):
    """Models move between schemas and names, and back to where an older build of theirs still lies."""

    def _add(self, data: st.DataObject, name: str) -> None:
        self.world.naming = NAMING
        super()._add(data, name)

    def _move(self, data: st.DataObject) -> None:
        name = self._some(data)
        place = {
            "schema": data.draw(st.sampled_from(["", "b", 'c"d'])),
            "alias": data.draw(st.sampled_from(["", name.upper() + " x"])),
        }
        self.world.edit(name, **place)

    _CHANGES = (*Oracle._CHANGES, _move, _move, _move)


@pytest.mark.parametrize("shard", range(2))
def test_models_that_move_equal_a_clean_build(shard: int) -> None:
    ask(seed(shard + FIRST_SEED)(type("Shard", (MovingOracle,), {})), SEQUENCES // SHARDS, steps=6)


def test_models_that_move_equal_a_clean_build_on_postgres(postgres_dsn: str) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (MovingOracle,), {"target": Target(postgres_dsn)})), SEQUENCES // 4, steps=6)


def ask(machine: type[RuleBasedStateMachine], sequences: int, *, steps: int) -> None:
    """Run so many sequences of so many steps."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, sequences),
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
