"""Models and seeds in schemas and under names of their own: built, checked, read, skipped, moved and cleaned there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from targets import Target
from written_projects import Files, problems, write_project

from fft_core import Project, Run, load_project
from fft_core.operations.orphans import find_orphans, remove_orphans
from fft_core.plan.decision import Plan
from fft_core.run.run import Run as WholeRun
from fft_core.warehouse.warehouse import planned_relations

HEAD = 'name: shop\nversion: "1"\n'
HOSTILE = "st\"g 'of' Ann.x"
MODELS: Files = {
    "seeds/orders.csv": "id,amount\n1,2\n2,3\n1,5\n",
    "seeds/schema.yml": "columns: {orders: {id: integer, amount: integer}}\n",
    "models/stg.ff.sql": "{{ config(materialized='view') }} select id, amount from {{ ref('orders') }}",
    "models/fct.ff.sql": "select id, sum(amount) as total from {{ ref('stg') }} group by id",
    "models/py.ff.py": "from fft_core import model\n@model(deps=['fct'], materialized='view')\ndef py(t): return t\n",
    "models/inc.ff.sql": "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('fct') }}",
    "models/s.yml": "version: 2\nmodels: [{name: fct, columns: [{name: id, tests: [unique]}]}]\n",
}


class Place:
    """A project in a database of its own, whose second schema is dropped with the first."""

    def __init__(self, root: Path, settings: dict[str, Any], engine: str) -> None:
        self.root, self.settings, self.engine = root, settings, engine
        self.environment: dict[str, str] = {}
        self.schema = str(settings.get("db_schema") or "main")
        write_project(root, {"profiles.yml": self.profile()})

    def profile(self, more: str = "") -> str:
        return f"dev:\n  engine: {self.engine}\n  {self.engine}: {json.dumps(self.settings)}\n{more}"

    def load(self, text: str = "", files: Files | None = None) -> Project:
        write_project(
            self.root, {"profiles.yml": self.profile(), **MODELS, "project.yml": HEAD + text, **(files or {})}
        )
        return load_project(self.root, "dev", environment=self.environment)

    def build(self, project: Project) -> dict[str, str]:
        """Build it; say of each node what was done."""
        with Run(project) as run:
            return {node.name: run.build(node).decision.action for node in run.order()}

    def plan(self, project: Project) -> Plan:
        with WholeRun(project) as run:
            return run.plan()

    def rows(self, project: Project, sql: str) -> list[tuple[Any, ...]]:
        with Run(project) as run, run.open(read_only=True) as warehouse:
            return list(warehouse.engine.fetch(sql))

    def places(self, project: Project) -> set[str]:
        """All relations of the project's schemas, as schema.name."""
        found = self.rows(project, "select table_schema, table_name from information_schema.tables")
        own = [f"{s}.{n}" for s, n in found if s.startswith((self.schema, "stg_", 'st"g')) and not n.startswith("_ff_")]
        return {place.replace(self.schema, "S") for place in own}


@pytest.fixture
def place(tmp_path: Path, target: Target) -> Any:
    with target.settings(str(tmp_path / "db.duckdb")) as settings:
        here = Place(tmp_path / "project", dict(settings), target.engine)
        yield here
        if target.dsn:
            project = here.load()
            with Run(project) as run, run.open() as warehouse:
                schemas = "select schema_name from information_schema.schemata"
                for (name,) in warehouse.engine.fetch(schemas):
                    if name.startswith((f"{here.schema}_", "stg_", 'st"g')):
                        warehouse.engine.execute(f"drop schema {warehouse.engine.spelling.quoted(name)} cascade")


def test_each_lies_where_its_settings_say(place: Place) -> None:
    text = f"models: {{fct: {{+schema: stg_a, +alias: 'Fact Table'}}, py: {{+schema: {json.dumps(HOSTILE)}}}}}\n"
    text += "seeds: {+schema: stg_raw, orders: {alias: all_orders}}\n"
    project = place.load(text)
    assert set(place.build(project).values()) == {"build"}
    assert place.places(project) == {
        "stg_raw.all_orders", "S.stg", "stg_a.Fact Table", f"{HOSTILE}.py", f"{HOSTILE}.__ff_py_py", "S.inc",
    }  # fmt: skip
    assert sorted(place.rows(project, 'select * from stg_a."Fact Table"')) == [(1, 7), (2, 3)]
    assert set(place.build(project).values()) == {"reuse"}
    with Run(project) as run:
        assert [result.passed for result in run.check("fct")] == [True]


def test_what_moves_is_built_at_its_new_place_and_the_old_one_is_an_orphan(place: Place) -> None:
    place.build(place.load())
    moved = place.load("models: {stg: {+schema: stg_b}, inc: {+alias: other}}\n")
    reasons = {d.name: [r.kind for r in d.reasons] for d in place.plan(moved).builds}
    assert reasons == {"stg": ["place_changed"], "inc": ["place_changed"]}
    assert place.build(moved) == {
        "orders": "reuse", "stg": "build", "fct": "reuse", "inc": "build", "py": "reuse",
    }  # fmt: skip
    with Run(moved) as run, run.open() as warehouse:
        orphans = find_orphans(warehouse)
        assert {(o.recorded.node, o.recorded.relation.name, str(o.moved_to).split(".")[-1]) for o in orphans} == {
            ("stg", "stg", "stg"),
            ("inc", "inc", "other"),
        }
        assert remove_orphans(warehouse, orphans) == {}
    assert place.places(moved) == {"S.orders", "stg_b.stg", "S.fct", "S.py", "S.__ff_py_py", "S.other"}
    back = place.load()
    assert {d.name for d in place.plan(back).builds} == {"stg", "inc"}
    place.build(back)
    assert set(place.build(back).values()) == {"reuse"}


def test_a_view_follows_what_it_reads(place: Place) -> None:
    """Its text names the relation: the old one is still there, with rows that nobody changes any more."""
    project = place.load()
    place.build(project)
    view_of_it = {"models/v.ff.sql": "{{ config(materialized='view') }} select * from {{ ref('fct') }}"}
    moved = place.load("models: {fct: {+alias: facts}}\n", view_of_it)
    place.build(moved)
    again = place.load("models: {fct: {+alias: facts2}}\n")
    done = place.build(again)
    assert (done["fct"], done["v"], done["inc"]) == ("build", "build", "reuse")
    changed = place.load("models: {fct: {+alias: facts2}}\n", {"seeds/orders.csv": "id,amount\n9,9\n"})
    place.build(changed)
    view = {"duckdb": "main.v", "postgres": f"{place.schema}.v"}[place.engine]
    assert place.rows(changed, f"select * from {view}") == [(9, 9)]


NAMING = """\
naming:
  schema: "{{ default_schema }}_{{ env_var('WHO') }}{{ '_' ~ schema if schema else '' }}"
  alias: "{{ env }}_{{ alias or name }}"
"""


def test_templates_name_schemas_and_relations(place: Place) -> None:
    place.environment = {"WHO": "ann"}
    project = place.load(NAMING + "models: {fct: {+schema: marts, +alias: facts}}\n")
    place.build(project)
    in_ann = {f"S_ann.{name}" for name in ("dev_orders", "dev_stg", "dev_py", "__ff_py_py", "dev_inc")}
    assert place.places(project) == {*in_ann, "S_ann_marts.dev_facts"}


def test_a_template_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, whole = list[str](), ImmutableSandboxedEnvironment.from_string

    def counted(self: Any, source: Any, *more: Any, **named: Any) -> Any:
        made.append(source)
        return whole(self, source, *more, **named)

    monkeypatch.setattr(ImmutableSandboxedEnvironment, "from_string", counted)
    project = load_project(
        write_project(tmp_path, {**MODELS, "project.yml": HEAD + NAMING}), "dev", environment={"WHO": "ann"}
    )
    made.clear()
    place = planned_relations(project)
    assert len({place(node.name) for node in project.stored()}) == 5
    assert len(made) == 2


def test_people_who_share_a_database_do_not_disturb_each_other(place: Place) -> None:
    place.environment = {"WHO": "ann"}
    ann = place.load(NAMING)
    place.build(ann)
    place.environment = {"WHO": "bob"}
    bob = place.load(NAMING)
    kinds = {reason.kind for decision in place.plan(bob).builds for reason in decision.reasons}
    assert kinds == {"never_built"}  # Bob moved nothing
    assert set(place.build(bob).values()) == {"build"}
    assert set(place.build(ann).values()) == {"reuse"}
    assert set(place.build(bob).values()) == {"reuse"}
    for project in (ann, bob):
        with Run(project) as run, run.open(read_only=True) as warehouse:
            assert find_orphans(warehouse) == ()


def test_a_profile_may_have_templates_of_its_own(place: Place) -> None:
    more = "  naming:\n    schema: \"{{ schema or default_schema }}_{{ env_var('WHO', 'x') }}\"\n"
    files = {"profiles.yml": place.profile(more)}
    project = place.load("models: {fct: {+schema: stg_c}}\n", files)
    place.build(project)
    assert {"stg_c_x.fct", "S_x.stg"} <= place.places(project)


def test_two_nodes_at_one_place_are_told(tmp_path: Path) -> None:
    files = {**MODELS, "project.yml": HEAD + "models: {fct: {+alias: INC}, py: {+alias: _ff_meta}}\n"}
    shared, reserved = problems(tmp_path, files)
    assert shared.startswith(
        "models/inc.ff.sql:1: 'inc' and 'fct' would both be warehouse.main.inc [FFT-122]\n    hint: Give"
    )
    assert shared.endswith("fct is in models/fct.ff.sql:1.")
    assert reserved.startswith("models/py.ff.py:3: 'py' would be warehouse.main._ff_meta: names that begin with _ff_")
    apart = {"project.yml": HEAD + "models: {fct: {+alias: INC, +schema: other}}\n"}
    load_project(write_project(tmp_path, {**files, **apart}), "dev", environment={})


WRONG = {
    "unknown name": ("{{ shema }}", "naming.schema cannot be rendered for 'orders': 'shema' is undefined [FFT-205]"),
    "variable": ("{{ env_var('NOT_SET') }}", "environment variable NOT_SET is not set"),
    "syntax": ("{{ schema", "naming.schema cannot be rendered for 'orders'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_template_that_fails_is_told(tmp_path: Path, case: str) -> None:
    template, said = WRONG[case]
    files = {**MODELS, "project.yml": HEAD + f"naming:\n  schema: {json.dumps(template)}\n"}
    with pytest.raises(Exception, match="naming") as caught:
        load_project(write_project(tmp_path, files), "dev", environment={})
    assert said in str(caught.value)
    assert str(caught.value).startswith("project.yml:3: ")


def test_a_template_of_places_has_no_meaning_elsewhere_in_a_profile(tmp_path: Path) -> None:
    profile = (
        "dev:\n  engine: duckdb\n  duckdb: {path: x.duckdb, schema: '{{ schema }}'}\n  naming: {alias: '{{ name }}'}\n"
    )
    (said,) = problems(tmp_path, {**MODELS, "profiles.yml": profile})
    assert said.startswith("profiles.yml:3: {{ schema }} is not known here: it is for the places of models [FFT-205]\n")
    wrong = profile.replace("'{{ schema }}'", "main").replace("alias:", "aliass:")
    (said,) = problems(tmp_path, {**MODELS, "profiles.yml": wrong})
    assert said.startswith(
        "profiles.yml:4: unknown key 'aliass' in dev.naming [FFT-101]\n    hint: Did you mean 'alias'?"
    )
