"""Settings by folder, name and rule in project.yml, and in YAML beside models: the nearest place wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import Files, loaded, problems

from fft_core import Project
from fft_core.operations.written_settings import written_settings

HEAD = 'name: shop\nversion: "1"\n'
SHOP: Files = {
    "models/staging/stg_users.ff.sql": "select 1 as id",
    "models/staging/deep/stg_deep.ff.sql": "select 1 as id",
    "models/marts/fct.ff.sql": "{{ config(tags=['own']) }} select id from {{ ref('stg_users') }}",
    "models/marts/py.ff.py": "from fft_core import model\n@model(name='py_users', deps=['fct'])\ndef f(t): return t\n",
    "seeds/raw/orders.csv": "id\n1\n",
    "sources.yml": "version: 2\nsources: [{name: crm, tables: [{name: a}, {name: b, schema: own}]}]\n",
}


def shop(folder: Path, text: str, files: Files | None = None) -> Project:
    return loaded(folder, {**SHOP, "project.yml": HEAD + text, **(files or {})})


def told(folder: Path, text: str, files: Files | None = None) -> str:
    (problem,) = problems(folder, {**SHOP, "project.yml": HEAD + text, **(files or {})})
    return problem


def kinds(project: Project) -> dict[str, str]:
    return {name: model.materialization.name for name, model in project.models.items()}


def test_the_deepest_folder_wins_and_tags_add_up(tmp_path: Path) -> None:
    text = """\
models:
  +tags: [all]
  staging:
    +materialized: view
    tags: [raw]
    deep: {materialized: table, +tags: deep, +schema: stg}
"""
    project = shop(tmp_path, text)
    assert kinds(project) == {"fct": "table", "py_users": "table", "stg_deep": "table", "stg_users": "view"}
    assert {name: model.tags for name, model in project.models.items()} == {
        "fct": ("own", "all"),
        "py_users": ("all",),
        "stg_deep": ("deep", "raw", "all"),
        "stg_users": ("raw", "all"),
    }
    assert [model.schema for model in project.models.values()] == [None, None, "stg", None]


def test_the_order_of_places_is_own_file_yaml_name_folder(tmp_path: Path) -> None:
    text = """\
models:
  marts:
    +priority: 1
    +pool: of_folder
    +concurrency_key: of_folder
    fct: {+priority: 2, +timeout: 5, +ttl: 60, +publish: swap}
"""
    beside = "version: 2\nmodels: [{name: fct, config: {priority: 3, timeout: 6, ttl: 1h}}]\n"
    own = "{{ config(priority=4, volatile=true, ttl=30) }} select now() as t"
    project = shop(tmp_path, text, {"models/marts/s.yml": beside, "models/marts/fct.ff.sql": own})
    fct = project.models["fct"]
    assert (fct.step.priority, fct.step.timeout, fct.step.pool, fct.publish) == (4, 6, "of_folder", "swap")
    assert fct.ttl_seconds == 30


def test_python_models_are_named_by_their_decorator(tmp_path: Path) -> None:
    project = shop(tmp_path, "models: {marts: {py_users: {+owners: [team:x]}}}\n")
    assert (project.models["py_users"].owners, project.models["fct"].owners) == (("team:x",), ())


def test_the_projects_own_name_may_be_the_first_level(tmp_path: Path) -> None:
    assert kinds(shop(tmp_path, "models: {shop: {staging: {+materialized: view}}}\n"))["stg_users"] == "view"


def test_the_name_of_a_package_is_about_its_models_alone(tmp_path: Path) -> None:
    package = {
        "pkg/project.yml": "name: crm_pkg\nversion: '1.0.0'\n",
        "pkg/models/staging/from_pkg.ff.sql": "select 1 as id",
        "packages.yml": "packages: [{name: crm_pkg, path: pkg}]\n",
    }
    text = "models:\n  +tags: [everywhere]\n  staging: {+schema: mine}\n  crm_pkg: {staging: {+schema: theirs}}\n"
    models = shop(tmp_path, text, package).models
    assert (models["from_pkg"].schema, models["from_pkg"].tags) == ("theirs", ("everywhere",))
    assert (models["stg_users"].schema, models["fct"].schema) == ("mine", None)


def test_a_folder_of_the_name_of_a_setting_is_one_if_its_keys_say_so(tmp_path: Path) -> None:
    folder = {"models/incremental/inc.ff.sql": "select 1 as id, 2 as t", "models/snapshot/s.ff.sql": "select 1 as id"}
    text = "models: {incremental: {+tags: [i]}, snapshot: {+tags: [s]}}\n"
    models = shop(tmp_path, text, folder).models
    assert (models["inc"].tags, models["s"].tags, models["inc"].materialization.name) == (("i",), ("s",), "table")
    text = "models: {incremental: {inc: {unique_key: id}}, storage: {inc: {path: x}}}\n"
    models = shop(tmp_path, text, folder).models
    assert models["inc"].materialization.name == "incremental"  # the shape of FFT


def test_what_a_folder_says_of_increments_is_for_those_that_are_increments(tmp_path: Path) -> None:
    text = "models: {marts: {+unique_key: id, +on_schema_change: fail, +materialized: incremental}}\n"
    own = {
        "models/marts/py.ff.py": SHOP["models/marts/py.ff.py"],
        "models/marts/plain.ff.sql": "{{ config(materialized='table') }} select 1 as id",
        "models/marts/other.ff.sql": "{{ config(primary_key=['id', 't']) }} select 1 as id, 2 as t",
    }
    models = shop(tmp_path, text, own).models
    assert models["plain"].materialization.name == "table"
    assert models["other"].materialization.unique_key == ("id", "t")  # type: ignore[union-attr]
    assert models["fct"].materialization.on_schema_change == "fail"  # type: ignore[union-attr]


def test_snapshots_have_a_section_of_their_own(tmp_path: Path) -> None:
    snap = "{{ config(materialized='snapshot', unique_key='id', snapshot={'strategy':'check','check_cols':'all'}) }}"
    text = "snapshots: {marts: {+schema: history}}\n"
    models = shop(tmp_path, text, {"models/marts/snap.ff.sql": f"{snap} select 1 as id"}).models
    assert (models["snap"].schema, models["fct"].schema) == ("history", None)


def test_seeds_and_sources_have_sections_of_their_own(tmp_path: Path) -> None:
    text = "seeds: {raw: {+schema: raw, +tags: [s], orders: {alias: all_orders}}}\nsources: {crm: {+schema: crm_db}}\n"
    project = shop(tmp_path, text)
    seed = project.seeds["orders"]
    assert (seed.schema, seed.alias, seed.tags) == ("raw", "all_orders", ("s",))
    assert {str(name): source.schema for name, source in project.sources.items()} == {"crm.a": "crm_db", "crm.b": "own"}
    own = {"seeds/schema.yml": "targets: {orders: {schema: there}}\n"}
    assert shop(tmp_path, text, own).seeds["orders"].schema == "there"


CHECKED: Files = {
    "models/marts/s.yml": """\
version: 2
models:
  - name: fct
    columns: [{name: id, tests: [unique, {not_null: {severity: error, tags: [fk]}}]}]
  - name: stg_users
    columns: [{name: id, tests: [unique]}]
"""
}


def test_checks_are_warnings_by_folder_and_by_rule(tmp_path: Path) -> None:
    text = "checks: {marts: {+severity: warn, +tags: [m]}}\n"
    checks = shop(tmp_path, text, CHECKED).checks
    assert {(c.node, c.name): (c.severity, c.tags) for c in checks} == {
        ("fct", "unique_id"): ("warn", ("m",)),
        ("fct", "not_null_id"): ("error", ("fk", "m")),
        ("stg_users", "unique_id"): ("error", ()),
    }
    text += "rules: [{checks: 'unique_id', set: {severity: error}}, {checks: 'stg_users', set: {+severity: warn}}]\n"
    checks = shop(tmp_path, text, CHECKED).checks
    assert {(c.node, c.name): c.severity for c in checks} == {
        ("fct", "unique_id"): "error",
        ("fct", "not_null_id"): "error",
        ("stg_users", "unique_id"): "warn",
    }


def test_rules_choose_by_the_grammar_and_the_last_one_wins(tmp_path: Path) -> None:
    text = """\
models: {staging: {+tags: [nightly], +pool: of_folder}}
rules:
  - {select: "tag:nightly", set: {pool: of_rule, +priority: 1}}
  - {select: "+fct,kind:sql", set: {priority: 2}}
  - {select: "orders", set: {schema: ruled}}
"""
    project = shop(tmp_path, text)
    steps = {name: (model.step.pool, model.step.priority) for name, model in project.models.items()}
    assert steps == {
        "fct": (None, 2),
        "py_users": (None, None),
        "stg_deep": ("of_rule", 1),
        "stg_users": ("of_rule", 2),
    }
    assert project.seeds["orders"].schema == "ruled"


def test_a_model_that_is_disabled_is_not_there(tmp_path: Path) -> None:
    leaf = {"models/marts/fct.ff.sql": "select 1 as id", **CHECKED}
    project = shop(tmp_path, "models: {staging: {+enabled: false, deep: {+enabled: true}}}\n", leaf)
    assert set(project.models) == {"fct", "py_users", "stg_deep"}
    assert {check.node for check in project.checks} == {"fct"}
    reads = {"models/marts/fct.ff.sql": SHOP["models/marts/fct.ff.sql"], "models/marts/s.yml": "version: 2\n"}
    said = told(tmp_path, "models:\n  staging:\n    +enabled: false\n", reads)
    assert said == (
        "models/marts/fct.ff.sql:1: ref('stg_users') is not a model or seed [FFT-110]\n"
        "    hint: It is disabled in project.yml:5: enable it, or disable the models that read it."
    )


def test_one_of_two_files_of_a_name_may_be_disabled(tmp_path: Path) -> None:
    twice = {"models/other/stg_users.ff.sql": "{{ config(enabled=false) }} select 2 as id"}
    assert shop(tmp_path, "", twice).models["stg_users"].path == Path("models/staging/stg_users.ff.sql")


WRONG = {
    "folder": (
        "models: {stagin: {+schema: x}}\n",
        "project.yml:3: models: 'stagin' is not a folder or name of models/ [FFT-113]\n",
    ),
    "setting": ("models: {staging: {+shema: x}}\n", "project.yml:3: models.staging: '+shema' is not a setting of"),
    "value": (
        "models:\n  staging:\n    +materialized: tabel\n",
        "project.yml:5: models.staging: materialized: unknown value 'tabel' [FFT-106]\n    hint: Did you mean 'table'?",
    ),
    "twice": ("models: {staging: {+schema: x, schema: y}}\n", "project.yml:3: models.staging sets 'schema' twice"),
    "no mapping": (
        "models: {staging: view}\n",
        "project.yml:3: models.staging must be a mapping of settings [FFT-106]",
    ),
    "seed": ("seeds: {raw: {+materialized: view}}\n", "project.yml:3: seeds.raw: '+materialized' is not a setting of"),
    "source": (
        "sources: {crn: {+schema: x}}\n",
        "project.yml:3: sources: 'crn' is not a folder or name of sources.yml [FFT-113]\n",
    ),
    "check": (
        "checks: {marts: {+severity: loud}}\n",
        "project.yml:3: checks.marts: severity: unknown value 'loud' [FFT-106]",
    ),
    "rule": ("rules: [{select: 'tag', set: {pool: x}}]\n", "project.yml:3: rules.0.select: 'tag' is not a model or"),
    "state": ("rules: [{select: 'state:modified', set: {pool: x}}]\n", "project.yml:3: rules.0.select: state: cannot"),
    "set": ("rules: [{select: 'fct', set: {poool: x}}]\n", "project.yml:3: rules.0.set: unknown key 'poool' [FFT-101]"),
    "both": ("rules: [{select: a, checks: b, set: {pool: x}}]\n", "project.yml:3: rules.0: set one of select"),
    "catalogs": ("models: {+catalog: a, +database: b}\n", "project.yml:3: models: catalog and database are two names"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, case: str) -> None:
    text, said = WRONG[case]
    assert told(tmp_path, text).startswith(said)


def test_what_is_wrong_in_yaml_beside_a_model_is_told(tmp_path: Path) -> None:
    beside = {"models/s.yml": "version: 2\nmodels:\n  - name: fct\n    config:\n      +materialised: view\n"}
    assert told(tmp_path, "", beside).startswith(
        "models/s.yml:5: models.0.config: unknown key 'materialised' [FFT-101]"
    )
    beside = {"models/s.yml": "version: 2\nseeds:\n  - name: orders\n    config: {materialized: view}\n"}
    assert told(tmp_path, "", beside).startswith("models/s.yml:4: seeds.0.config: unknown key 'materialized' [FFT-101]")


def test_a_project_is_read_anew_once_a_setting_changes(tmp_path: Path) -> None:
    assert kinds(shop(tmp_path, "models: {staging: {+materialized: view}}\n"))["stg_users"] == "view"
    assert kinds(shop(tmp_path, "models: {staging: {+materialized: table}}\n"))["stg_users"] == "table"


def test_each_setting_says_where_it_is_written(tmp_path: Path) -> None:
    text = "models:\n  +tags: [all]\n  marts:\n    +schema: m\nrules:\n  - select: fct\n    set:\n      alias: facts\n"
    project = shop(tmp_path, text)
    said = {s.name: (s.value, [str(place) for place in s.places]) for s in written_settings(project, "fct")}
    assert said == {
        "alias": ("facts", ["project.yml:10"]),
        "schema": ("m", ["project.yml:6"]),
        "tags": (["own", "all"], ["models/marts/fct.ff.sql:1", "project.yml:4"]),
    }
