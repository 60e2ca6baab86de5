"""The oracle for models that keep rows: what a run leaves follows from what was there and what the model reads now."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import seed
from hypothesis import strategies as st
from sweeps import FIRST_SEED, examples
from targets import Target
from test_oracle import Oracle, ask
from world import ModelText, plan, run

from fft_core import Model, Warehouse

SEQUENCES = examples(4, 40)
KINDS = st.sampled_from(["table", "view", "ephemeral", "incremental", "incremental", "snapshot", "snapshot"])
CONFIGS = {
    "incremental": "materialized='incremental', unique_key='id'",
    "snapshot": "materialized='snapshot', unique_key='id', "
    "snapshot={'strategy': 'check', 'check_cols': 'all', 'hard_deletes': 'invalidate'}",
}
Contents = dict[int, int]


@dataclass(frozen=True)
class KeptText(ModelText):
    """A SQL model that may keep rows; then its ids are unique."""

    def text(self) -> str:
        if self.kind not in CONFIGS:
            return super().text()
        query = super().text().partition("\n")[2]
        return f"{{{{ config({CONFIGS[self.kind]}) }}}}\nselect id, max(val) as val from (\n{query}) as q group by id\n"


def queried(warehouse: Warehouse, model: Model) -> list[tuple[int, int]]:
    """The rows that a model's query gives of what is there now."""
    return sorted(warehouse.engine.fetch(warehouse.compiler.sql(model, warehouse.naming)))


def found(warehouse: Warehouse, model: Model) -> list[tuple[int, int]]:
    current = " where _ff_is_current" if model.materialization.name == "snapshot" else ""
    relation = warehouse.relation(model.name).sql(warehouse.engine.spelling)
    return sorted(warehouse.engine.fetch(f"select id, val from {relation}{current}"))


def kept(warehouse: Warehouse, model: Model) -> Contents:
    """What an increment finds: the rows of a table; nothing where there is none, or a view."""
    relation = warehouse.relation(model.name)
    there = warehouse.engine.inspect([relation]).get(relation)
    is_table = there is not None and there.kind == "table"
    table = relation.sql(warehouse.engine.spelling)
    return dict(warehouse.engine.fetch(f"select id, val from {table}")) if is_table else {}


class KeptOracle(Oracle):
    """The same edits and accidents, with models that keep rows."""

    kinds = KINDS

    def _run_and_ask(self) -> None:
        project = self.world.load()
        warehouse = self.world.open(project)
        incremental = [m for m in project.order() if m.materialization.name == "incremental"]
        before = {model.name: kept(warehouse, model) for model in incremental}
        planned = plan(warehouse)
        outcome = run(warehouse)
        for model in project.order():
            if model.name in outcome.failed or model.is_ephemeral:
                continue
            expected = queried(warehouse, model)
            if model in incremental:
                expected = sorted({**before[model.name], **dict(expected)}.items())
            assert found(warehouse, model) == expected, model.name
        assert outcome.built <= {decision.name for decision in planned.builds}
        again = [d for d in plan(warehouse).builds if d.name not in outcome.failed]
        assert not again, f"a second plan builds {[(d.name, [str(r) for r in d.reasons]) for d in again]}"
        if self.only_no_ops:
            assert not outcome.built
        self.only_no_ops = not outcome.failed

    def _text(self, name: str, **said: object) -> ModelText:
        return KeptText(name, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize("shard", range(2))
def test_what_is_kept_and_what_is_added(shard: int) -> None:
    ask(seed(shard + FIRST_SEED)(type("Shard", (KeptOracle,), {})), SEQUENCES // 2, steps=5)


def test_what_is_kept_and_what_is_added_on_postgres(postgres_dsn: str) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (KeptOracle,), {"target": Target(postgres_dsn)})), SEQUENCES // 2, steps=5)
