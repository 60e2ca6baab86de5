"""Grants, indexes and constraints: set when a node is published, kept, changed without a build, and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from targets import Target
from written_projects import Files, problems, write_project

from fft_core import CheckFailedError, FftError, Project, Request, Run, load_project
from fft_core.run.work import planned

HEAD = 'name: shop\nversion: "1"\n'
MODELS: Files = {
    "seeds/orders.csv": "id,amount\n1,2\n2,3\n1,5\n",
    "seeds/schema.yml": "columns: {orders: {id: integer, amount: integer}}\n",
    "models/users.ff.sql": "select distinct id from {{ ref('orders') }}",
    "models/fct.ff.sql": "select id, amount from {{ ref('orders') }} where id in (select id from {{ ref('users') }})",
    "models/v.ff.sql": "{{ config(materialized='view') }} select * from {{ ref('fct') }}",
}
DECLARED = """\
models:
  users: {+constraints: [{type: primary_key, columns: id, name: users_pk}]}
  fct:
    +indexes: [{columns: [id, amount], unique: true}, {columns: amount, type: hash, name: by_amount}]
    +constraints:
      - {type: not_null, columns: id}
      - {type: check, expression: "amount > 0", name: positive}
      - {type: foreign_key, columns: [id], to: ref('users'), name: of_users}
  v: {+grants: {select: [public]}}
"""


class Server:
    """A project in a schema of its own on a Postgres server."""

    def __init__(self, root: Path, settings: dict[str, Any]) -> None:
        self.root, self.schema = root, str(settings["db_schema"])
        profile = {"dev": {"engine": "postgres", "postgres": settings}}
        write_project(root, {**MODELS, "profiles.yml": json.dumps(profile)})

    def load(self, text: str = DECLARED, files: Files | None = None) -> Project:
        profile = (self.root / "profiles.yml").read_text()
        write_project(self.root, {**MODELS, "profiles.yml": profile, "project.yml": HEAD + text, **(files or {})})
        return load_project(self.root, "dev", environment={})

    def build(self, text: str = DECLARED, files: Files | None = None) -> dict[str, str]:
        with Run(self.load(text, files)) as run:
            return {node.name: run.build(node).decision.action for node in run.order()}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with Run(self.load("")) as run, run.open() as warehouse:
            return list(warehouse.engine.fetch(sql.format(schema=f"'{self.schema}'")))

    def constraints(self, table: str) -> dict[str, str]:
        asked = (
            "select conname, pg_get_constraintdef(c.oid) from pg_constraint as c join pg_class as r on r.oid = conrelid"
        )
        chosen = f"where relnamespace = {{schema}}::regnamespace and relname = '{table}' and contype <> 'n'"
        return dict(self.ask(f"{asked} {chosen}"))

    def indexes(self, table: str) -> set[str]:
        asked = "select indexdef from pg_indexes where schemaname = {schema} and tablename = "
        return {text.partition(" USING ")[2] for (text,) in self.ask(f"{asked} '{table}'")}

    def readers(self, table: str) -> set[str]:
        asked = (
            "select grantee from information_schema.role_table_grants where table_schema = {schema} and table_name = "
        )
        return {name for (name,) in self.ask(f"{asked} '{table}' and privilege_type = 'SELECT'")} - {"postgres"}


@pytest.fixture
def server(tmp_path: Path, postgres_dsn: str) -> Any:
    with Target(postgres_dsn).settings() as settings:
        yield Server(tmp_path, dict(settings))


def test_what_is_declared_is_there(server: Server) -> None:
    assert set(server.build().values()) == {"build"}
    assert server.constraints("users") == {"users_pk": "PRIMARY KEY (id)"}
    assert server.constraints("fct") == {
        "positive": "CHECK ((amount > 0))",
        "of_users": "FOREIGN KEY (id) REFERENCES users(id) DEFERRABLE INITIALLY DEFERRED",
    }
    assert server.indexes("fct") == {"btree (id, amount)", "hash (amount)"}
    assert server.readers("v") == {"PUBLIC"}
    assert set(server.build().values()) == {"reuse"}


@pytest.mark.parametrize("publish", ["swap", "in_place"])
def test_it_stays_when_rows_and_columns_change(server: Server, publish: str) -> None:
    text = DECLARED.replace("  fct:\n", f"  +publish: {publish}\n  fct:\n").replace("v: {", "v: {materialized: view, ")
    models: Files = {"models/v.ff.sql": "select * from {{ ref('fct') }}"}
    server.build(text, models)
    rows: Files = {**models, "seeds/orders.csv": "id,amount\n7,8\n"}
    assert server.build(text, rows)["fct"] == "build"
    before = (server.constraints("fct"), server.indexes("fct"), server.constraints("users"))
    text_of_fct = str(MODELS["models/fct.ff.sql"]).replace("amount from", "amount, 'x' as more from")
    more = {**rows, "models/fct.ff.sql": text_of_fct}
    assert server.build(text, more)["fct"] == "build"
    assert before == (server.constraints("fct"), server.indexes("fct"), server.constraints("users"))
    assert server.ask("select id, amount, more from " + f"{server.schema}.fct") == [(7, 8, "x")]


def test_a_change_of_it_builds_nothing(server: Server) -> None:
    server.build()
    other = DECLARED
    for old, new in {
        "[id, amount], unique: true": "[amount, id]",
        "positive": "over_zero",
        "select: [public]": "insert: [public]",
        "{type: not_null, columns: id}": "{type: unique, columns: amount}",
    }.items():
        other = other.replace(old, new)
    with Run(server.load(other)) as run:
        reasons = {d.name: [r.kind for r in d.reasons] for d in run.plan().decisions}
    assert reasons == {
        "orders": ["unchanged"],
        "users": ["unchanged"],
        "fct": ["attachments_changed"],
        "v": ["attachments_changed"],
    }
    assert set(server.build(other).values()) == {"reuse"}
    found = server.constraints("fct")
    assert {name for name in found if not name.startswith("_ff_")} == {"over_zero", "of_users"}
    assert "UNIQUE (amount)" in found.values()
    assert server.indexes("fct") == {"btree (amount, id)", "hash (amount)", "btree (amount)"}
    assert server.readers("v") == set()
    with Run(server.load(other)) as run:
        assert {r.kind for d in run.plan().decisions for r in d.reasons} == {"unchanged"}


def test_what_others_added_stays(server: Server) -> None:
    server.build()
    server.ask(f"create index theirs on {server.schema}.fct (id)")
    server.ask(f"grant select on {server.schema}.fct to public")
    server.build("", {"seeds/orders.csv": "id,amount\n7,8\n"})
    assert (server.indexes("fct"), server.readers("fct"), server.constraints("fct")) == ({"btree (id)"}, {"PUBLIC"}, {})


def test_rows_that_break_a_constraint_are_not_published(server: Server) -> None:
    server.build()
    with pytest.raises(FftError) as caught:
        server.build(DECLARED, {"seeds/orders.csv": "id,amount\n1,-2\n"})
    assert "positive" in str(caught.value)
    assert server.ask(f"select min(amount) from {server.schema}.fct") == [(2,)]
    before = DECLARED.replace("amount > 0", "amount > 2")
    with pytest.raises(FftError) as caught:
        server.build(before)
    assert str(caught.value).startswith("project.yml:6: grants, indexes or constraints of 'fct' cannot be set: ")
    assert set(server.constraints("fct")) == {"positive"}  # the rows of users are new: it waits for fct
    server.build()
    assert set(server.constraints("fct")) == {"positive", "of_users"}


def test_a_role_that_is_not_there_is_told(server: Server) -> None:
    with pytest.raises(
        FftError,
        match=r"project.yml:4: grants, indexes or constraints of 'v' cannot be set: "
        r".*nobody_here",
    ):
        server.build("models:\n  v: {+grants: {select: [nobody_here]}}\n")
    assert server.ask("select count(*) from pg_views where schemaname = {schema} and viewname = 'v'") == [(0,)]


def test_a_seed_has_them_too(server: Server) -> None:
    text = "seeds: {orders: {+indexes: [{columns: id}], +grants: {select: public}}}\n"
    server.build(text)
    assert (server.indexes("orders"), server.readers("orders")) == ({"btree (id)"}, {"PUBLIC"})


def test_a_change_of_it_reaches_the_command_line(server: Server) -> None:
    """It runs only what its plan has something to do for."""
    server.build()
    with Run(server.load(DECLARED.replace("positive", "over_zero"))) as run:
        assert planned(run.project, run.plan(), checks_alone=False).builds == ("fct",)
    rows: Files = {"seeds/orders.csv": "id,amount\n1,2\n2,3\n"}
    server.build()
    with Run(server.load(DECLARED, rows), Request(rebuild=("users",)), nodes=frozenset({"users", "fct"})) as run:
        todo = planned(run.project, run.plan(), checks_alone=False)
        assert todo.builds == ("users", "fct")  # whose foreign key is set aside, and back
        for name in todo.builds:
            run.build(run.project.node(name))
    assert "of_users" in server.constraints("fct")


def test_a_primary_key_that_is_gone_leaves_nothing_behind(server: Server) -> None:
    text = "models: {users: {+constraints: [{type: primary_key, columns: id}]}}\n"
    server.build(text)
    server.build("", {"models/users.ff.sql": "select cast(null as integer) as id"})
    server.build(text)
    view = {"models/users.ff.sql": "{{ config(materialized='view') }} select distinct id from {{ ref('orders') }}"}
    assert server.build("", view)["users"] == "build"


def test_rows_that_break_what_is_declared_say_so(server: Server) -> None:
    text = "models:\n  users:\n    +constraints: [{type: primary_key, columns: id}]\n"
    server.build(text)
    with pytest.raises(
        FftError,
        match=(
            r"project.yml:5: the rows of 'users' violate its primary key "
            r"\(id\): "
        ),
    ) as caught:
        server.build(text, {"models/users.ff.sql": "select id from {{ ref('orders') }}"})
    assert "Correct the rows" in str(caught.value)


def test_an_error_that_is_not_about_it_stays_what_it_is(server: Server) -> None:
    text = "models: {users: {+indexes: [{columns: id, name: nothing}]}}\n"
    with pytest.raises(FftError, match=r"models/users.ff.sql") as caught:
        server.build(text, {"models/users.ff.sql": "select nothing from {{ ref('orders') }}"})
    assert "break its" not in str(caught.value)


def test_constraints_of_a_view_are_checks(server: Server) -> None:
    text = "models: {v: {+constraints: [{type: unique, columns: id}]}}\n"
    assert [(check.node, check.type) for check in server.load(text).checks] == [("v", "unique")]


def test_a_foreign_key_never_binds_another_environment(server: Server) -> None:
    profiles = json.loads((server.root / "profiles.yml").read_text())
    mine = {**profiles["dev"]["postgres"], "db_schema": f"{server.schema}_mine"}
    text = json.dumps({**profiles, "mine": {"engine": "postgres", "postgres": mine}})
    server.build()
    write_project(server.root, {**MODELS, "project.yml": HEAD + DECLARED, "profiles.yml": text})
    project = load_project(server.root, "mine", environment={})
    with Run(project, nodes=frozenset({"fct"}), defer="dev") as run:
        run.build(project.models["fct"])
        asked = (
            f"select conname from pg_constraint where conrelid = '{mine['db_schema']}.fct'::regclass and contype = 'f'"
        )
        assert run.sessions.of_thread().engine.fetch(asked) == []
    with Run(project) as run:
        for node in run.order():
            run.build(node)
        assert run.sessions.of_thread().engine.fetch(asked) == [("of_users",)]
        run.sessions.of_thread().engine.execute(f"drop schema {mine['db_schema']} cascade")


def test_constraints_are_checks_on_duckdb(tmp_path: Path) -> None:
    text = DECLARED
    project = load_project(write_project(tmp_path, {**MODELS, "project.yml": HEAD + text}), "dev", environment={})
    assert {(c.node, c.type) for c in project.checks} == {
        ("users", "not_null"),
        ("users", "unique"),
        ("fct", "not_null"),
        ("fct", "expression"),
        ("fct", "relationships"),
    }
    bad = {**MODELS, "project.yml": HEAD + text, "models/users.ff.sql": "select id from {{ ref('orders') }}"}
    project = load_project(write_project(tmp_path, bad), "dev", environment={})
    with Run(project) as run:
        run.build(project.seeds["orders"])
        with pytest.raises(CheckFailedError):
            run.build(project.models["users"])


WRONG = {
    "no columns": ("[{type: unique}]", "a constraint of type unique needs columns [FFT-106]"),
    "no target": (
        "[{type: foreign_key, columns: id}]",
        "`to` is for constraints of type foreign_key, which need it [FFT-106]",
    ),
    "no expression": ("[{type: check}]", "expression is for constraints of type check, which need it [FFT-106]"),
    "type": ("[{type: primary_kee, columns: id}]", "unknown value 'primary_kee' [FFT-106]"),
    "unknown": ("[{type: foreign_key, columns: id, to: user}]", "foreign_key: 'user' is not a model or seed [FFT-113]"),
    "not read": ("[{type: foreign_key, columns: id, to: v}]", "foreign_key: 'fct' does not read 'v'"),
    "pairs": ("[{type: foreign_key, columns: id, to: users, to_columns: [a, b]}]", "columns and to_columns are pairs"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, case: str) -> None:
    text, said = WRONG[case]
    declared = {"project.yml": HEAD + f"models:\n  fct:\n    constraints: {text}\n"}
    profile = {"profiles.yml": "dev: {engine: postgres, postgres: {dsn: 'postgresql://'}}\n"}
    found = problems(tmp_path, {**MODELS, **declared, **profile})
    assert found[0].startswith("project.yml:5: ")
    assert said in found[0]
