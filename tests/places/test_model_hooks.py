"""pre_hook and post_hook of models: run in the transaction that builds the model, and a part of what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from targets import Target
from written_projects import Files, loaded, problems, write_project

from fft_core import CheckFailedError, FftError, Project, Run, load_project

BASE: Files = {
    "seeds/t.csv": "id\n1\n2\n",
    "seeds/schema.yml": "columns: {t: {id: integer}}\n",
    "models/macros/m.sql": "{% macro note(x) %}insert into {{ this.schema }}.log values ('{{ x }}'){% endmacro %}",
    "models/log.ff.sql": "select cast('begun' as varchar) as what",
}


def model(pre: object = (), post: object = (), rest: str = "", text: str = "select id from {{ ref('t') }}") -> str:
    return f"{{{{ config(pre_hook={pre!r}, post_hook={post!r}{rest}) }}}} {text}"


class Here:
    def __init__(self, root: Path, settings: dict[str, Any], engine: str) -> None:
        self.root = root
        self.profile = json.dumps({"dev": {"engine": engine, engine: settings}})

    def load(self, **models: str) -> Project:
        files = {f"models/{name}.ff.sql": text for name, text in models.items()}
        write_project(self.root, {**BASE, "profiles.yml": self.profile, **files})
        return load_project(self.root, "dev", environment={})

    def build(self, *names: str, **models: str) -> dict[str, str]:
        with Run(self.load(**models)) as run:
            nodes = [node for node in run.order() if not names or node.name in names]
            return {node.name: run.build(node).decision.action for node in nodes}

    def rows(self, name: str) -> list[Any]:
        project = load_project(self.root, "dev", environment={})
        with Run(project) as run, run.open(read_only=True) as warehouse:
            table = warehouse.relation(name).sql(warehouse.engine.spelling)
            return sorted(value for (value,) in warehouse.engine.fetch(f"select * from {table}"))


@pytest.fixture
def here(tmp_path: Path, target: Target) -> Iterator[Here]:
    with target.settings(str(tmp_path / "db.duckdb")) as settings:
        yield Here(tmp_path / "project", dict(settings), target.engine)


BEFORE = ["{{ note('before') }}", "{{ note('and ' ~ this.name) }};"]


def test_hooks_are_run_in_their_order_when_the_model_is_built(here: Here) -> None:
    here.build("log", "t", a=model())
    after = "insert into {{ this.schema }}.log select 'after ' || count(*) from {{ this }}; {{ note('last') }}"
    assert here.build("a", a=model(BEFORE, after))["a"] == "build"
    assert here.rows("log") == ["after 2", "and a", "before", "begun", "last"]
    assert here.build("a", a=model(BEFORE, after))["a"] == "reuse"
    assert here.rows("log") == ["after 2", "and a", "before", "begun", "last"]


def test_a_hook_that_changes_builds_its_model(here: Here) -> None:
    here.build("log", "t", a=model())
    done = [here.build("a", a=model(post=f"{{{{ note('{said}') }}}}"))["a"] for said in ("one", "one", "two")]
    assert (done, here.rows("log")) == (["build", "reuse", "build"], ["begun", "one", "two"])


@pytest.mark.parametrize("kind", ["table", "view", "incremental"])
def test_a_hook_that_fails_publishes_nothing_and_says_where(here: Here, kind: str) -> None:
    rest = f", materialized={kind!r}" + (", unique_key='id'" if kind == "incremental" else "")
    here.build(a=model(rest=rest))
    for pre, post, key in ((["{{ note('x') }}", "select nothing"], (), "pre"), ((), "delete from nowhere", "post")):
        text = model(pre, post, rest, "select id + 1 as id from {{ ref('t') }}")
        with pytest.raises(FftError, match=rf"models/a.ff.sql:1: .*{key}_hook of 'a': .*(nothing|nowhere)"):
            here.build(a=text)
        assert (here.rows("a"), here.rows("log")) == ([1, 2], ["begun"])


def test_what_a_hook_wrote_is_gone_if_a_check_fails(here: Here) -> None:
    check = "version: 2\nmodels: [{name: a, columns: [{name: id, tests: [unique]}]}]\n"
    write_project(here.root, {"models/s.yml": check})
    here.build("log", a=model())
    with pytest.raises(CheckFailedError):
        here.build(a=model("{{ note('x') }}", "{{ note('y') }}", text="select 1 as id from {{ ref('t') }}"))
    assert here.rows("log") == ["begun"]


def test_python_models_and_views_have_hooks_too(here: Here) -> None:
    code = "from fft_core import model\n@model(deps=['t'], post_hook=\"{{ note('py') }}\")\ndef p(t): return t\n"
    write_project(here.root, {"models/p.ff.py": code})
    here.build("log", "t", a=model())
    here.build("a", "p", a=model(post="{{ note('view') }}", rest=", materialized='view'"))
    assert here.rows("log") == ["begun", "py", "view"]


def test_a_secret_in_a_hook_is_not_shown(tmp_path: Path) -> None:
    post = "set nothing_like_it = '{{ env(\"MY_PASSWORD\") }}'"
    project = loaded(tmp_path, {**BASE, "models/a.ff.sql": model(post=post)}, MY_PASSWORD="hush-hush")
    with Run(project) as run:
        run.build(project.seeds["t"])
        with pytest.raises(FftError) as caught:
            run.build(project.models["a"])
    assert "hush-hush" not in str(caught.value)


WRONG = {
    "not read": ("delete from {{ ref('log') }}", "post_hook names 'log', which the model does not read [FFT-162]"),
    "no such": (
        "select * from {{ ref('tt') }}",
        "post_hook names 'tt', which the model does not read [FFT-162]\n    hint: Did you",
    ),
    "template": ("select {{ 1 + }}", "template error: unexpected 'end of print"),
    "kind": (3, "config(): post_hook: must be SQL, as a text or a list of texts [FFT-106]"),
    "outside": ({"sql": "vacuum", "transaction": False}, "config(): post_hook: transaction: false is not supported"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told(tmp_path: Path, case: str) -> None:
    post, said = WRONG[case]
    (problem,) = problems(tmp_path, {**BASE, "models/a.ff.sql": model(post=post)})
    assert problem.startswith(f"models/a.ff.sql:1: {said}")


REFUSED = {
    "update": "update {{ this }} set id = -5",
    "insert": "insert into {{ this }} select 3",
    "delete": "delete from {{ this }} where id = 1",
    "truncate": "truncate table {{ this }}",
    "add column": "alter table {{ this }} add column more integer",
    "drop column": "alter table {{ this }} drop column id",
    "commit": "commit",
    "rollback": "-- so that\n rollback",
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hook_does_not_go_past_the_checks(here: Here, case: str) -> None:
    here.build(a=model())
    with pytest.raises(FftError, match=r"models/a.ff.sql:1: post_hook of 'a' (changes the model's own rows|contains)"):
        here.build(a=model(post=REFUSED[case], text="select id + 1 as id from {{ ref('t') }}"))
    assert here.rows("a") == [1, 2]


def test_dbts_form_and_folders(tmp_path: Path) -> None:
    project = 'name: shop\nversion: "1"\nmodels:\n  +post_hook: {sql: "select 1"}\n'
    models = loaded(tmp_path, {**BASE, "project.yml": project, "models/a.ff.sql": "select 1 as x"}).models
    assert [(hook.template, str(hook.location)) for hook in models["a"].post_hooks] == [("select 1", "project.yml:4")]
