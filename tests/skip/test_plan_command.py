"""`fft plan`: what a run will do, as a table and as JSON; changes nothing and imports no Dagster."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fft_process import run_process
from skip_helpers import CSV, EVENTS, PROJECT, SOURCES, Place, built, place
from sweeps import FACTOR, FIRST_SEED

from fft_core import FftError, load_project, select

KINDS = {
    "never_built", "relation_missing", "relation_replaced", "code_changed", "config_changed", "environment_changed",
    "profile_changed", "format_changed", "input_changed", "input_may_change", "source_changed", "source_unversioned",
    "volatile", "requested", "cache_off", "unchanged", "checks_changed",
}  # fmt: skip
EPHEMERAL = "{{ config(materialized='ephemeral') }} "
FILES = {
    "seeds/users.csv": CSV,
    "sources.yml": SOURCES,
    "models/staging/a.ff.sql": "{{ config(tags=['x']) }} select id from {{ ref('users') }}",
    "models/staging/e.ff.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('a') }}",
    "models/b.ff.sql": "{{ config(early_cutoff=false) }} select id from {{ ref('e') }}",
    "models/c.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('b') }}",
    "models/d.ff.sql": "select e.id from {{ source('raw', 'events') }} as e join {{ ref('c') }} as c using (id)",
}


def fft_plan(root: Path, *arguments: str) -> dict[str, Any]:
    ended = run_process(sys.executable, "-m", "fft_cli", "plan", root, "--env", "dev", "--json", *arguments)
    ended.check_returncode()
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Place:
    return built(tmp_path, FILES, EVENTS)


def test_the_json_has_the_documented_shape_in_build_order(shop: Place) -> None:
    shop.write({"models/staging/a.ff.sql": "select id + 1 as id from {{ ref('users') }}"})
    plan = fft_plan(shop.root)
    assert list(plan) == ["decisions"]
    assert [d["model"] for d in plan["decisions"]] == ["users", "a", "b", "c", "d"]
    for decision in plan["decisions"]:
        assert list(decision) == ["model", "action", "increment", "reasons"]
        assert decision["action"] in ("build", "reuse")
        assert decision["reasons"]
        for reason in decision["reasons"]:
            assert list(reason) == ["kind", "detail"]
            assert reason["kind"] in KINDS
            assert reason["detail"]
    kinds = {d["model"]: [r["kind"] for r in d["reasons"]] for d in plan["decisions"]}
    assert kinds == {
        "users": ["unchanged"],
        "a": ["code_changed"],
        "b": ["input_may_change"],
        "c": ["input_changed"],  # b never keeps its version
        "d": ["input_may_change"],
    }


def test_all_reasons_are_named(shop: Place) -> None:
    shop.sql("drop table d", "insert into events values (2, 'b')")
    shop.write({"models/d.ff.sql": "select now() as t, id from {{ source('raw', 'events') }}"})
    (decision,) = (d for d in fft_plan(shop.root, "--rebuild", "d*")["decisions"] if d["model"] == "d")
    assert [r["kind"] for r in decision["reasons"]] == [
        "requested",
        "volatile",
        "relation_missing",
        "code_changed",
        "source_changed",
        "input_changed",
    ]


def test_the_table_counts(shop: Place) -> None:
    ended = run_process(sys.executable, "-m", "fft_cli", "plan", shop.root)
    ended.check_returncode()
    assert ended.stdout.splitlines()[-1] == "0 to build, 5 to reuse"


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("c", "c"), ("c+", "c d"), ("+c", "users a b c"), ("1+c", "b c"), ("2+c", "b c"), ("tag:x", "a"),
        ("path:models/staging", "a"), ("kind:seed", "users"), ("type:view", "c"), ("a d", "a d"), ("a+,c", "c"),
        ("source:raw", "d"), ("source:raw.events", "d"), ("@b", "users a b c d"), ("a+1", "a"), ("*", "users a b c d"),
        ("b.ff", "b"), ("a+2", "a b"),
    ],
)  # fmt: skip
def test_a_selection(tmp_path: Path, expression: str, names: str) -> None:
    project = load_project(place(tmp_path, FILES).root, "dev", environment={})
    assert select(project, [expression]) == set(names.split())


def test_a_selection_of_nothing_known_is_an_error(shop: Place) -> None:
    project = load_project(shop.root, "dev", environment={})
    with pytest.raises(FftError, match="'user' is not a model or seed"):
        select(project, ["user"])


def test_a_plan_of_a_selection(shop: Place) -> None:
    shop.write({"models/staging/a.ff.sql": "select id + 1 as id from {{ ref('users') }}"})
    assert [d["model"] for d in fft_plan(shop.root, "--select", "b+")["decisions"]] == ["b", "c", "d"]
    assert not shop.due("b", "c", "d")  # what they read stays as it is


def test_planning_imports_no_dagster_and_writes_nothing(shop: Place) -> None:
    shop.sql("checkpoint")
    shop.write({"models/staging/a.ff.sql": "select id + 1 as id from {{ ref('users') }}"})
    files = [path for path in shop.root.rglob("*") if path.is_file() and ".fastflowtransform" not in path.parts]
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    script = (
        "import sys; sys.argv = ['fft', 'plan', sys.argv[1]]\n"
        "from fft_cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('dagster', 'pandas', 'pyarrow')])"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(shop.root)], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    after = [path for path in shop.root.rglob("*") if path.is_file() and ".fastflowtransform" not in path.parts]
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in after} == before


def test_a_plan_for_a_database_that_does_not_exist_creates_none(tmp_path: Path) -> None:
    made = place(tmp_path, FILES)
    plan = fft_plan(made.root)
    assert {d["action"] for d in plan["decisions"]} == {"build"}
    assert not (tmp_path / "db.duckdb").exists()


# --- plan and run agree -----------------------------------------------------------------------------------------------


def edit(made: Place, chance: random.Random) -> None:
    number = chance.randint(1, 4)
    edits: list[dict[str, str]] = [
        {"models/staging/a.ff.sql": f"-- {number}\nselect id from {{{{ ref('users') }}}}"},
        {"models/staging/a.ff.sql": f"select id + {number} as id from {{{{ ref('users') }}}}"},
        {"models/staging/e.ff.sql": EPHEMERAL + f"select id * {number} as id from {{{{ ref('a') }}}}"},
        {"models/c.ff.sql": f"{{{{ config(materialized='view') }}}} select id, {number} as n from {{{{ ref('b') }}}}"},
        {"models/d.ff.sql": f"select id, {number} as n from {{{{ ref('c') }}}}"},
        {"seeds/users.csv": CSV + f"{number},eve\n"},
        {"project.yml": PROJECT["project.yml"] + f"vars: {{unused: {number}}}\n"},
    ]  # fmt: skip
    accidents = ["drop table if exists b", "insert into events values (1, 'b')", "select 1"]
    made.write(chance.choice(edits))
    made.sql(chance.choice(accidents))
    made.environment = chance.choice([{}, {}, {"FF_DEMO": "1"}])


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + FACTOR))
def test_a_run_does_what_the_plan_says(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    made = built(tmp_path, FILES, EVENTS)
    names = ["users", "a", "b", "c", "d"]
    for _ in range(8):
        edit(made, chance)
        selected = chance.sample(names, chance.randint(1, 5)) if chance.random() < 0.4 else []
        plan = made.plan(*selected)
        outcome = made.build(*selected)
        certain = {d.name for d in plan.builds if any(r.kind != "input_may_change" for r in d.reasons)}
        possible = {d.name for d in plan.builds}
        assert certain - outcome.failed <= outcome.built <= possible
        assert set(made.due(*selected)) <= outcome.failed
        assert selected or not outcome.failed  # what is dropped by hand and not selected is missed by its readers


def test_nothing_to_do_on_a_seeded_project_is_all_reuse(shop: Place) -> None:
    assert {d["action"] for d in fft_plan(shop.root)["decisions"]} == {"reuse"}
    assert {r["detail"] for d in fft_plan(shop.root)["decisions"] for r in d["reasons"]} == {"nothing changed"}
