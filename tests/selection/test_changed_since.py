"""`--changed-since`: models affected by files changed since a commit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from fft_core import FftError, load_project
from fft_core.project.packages.install import install_packages
from fft_core.run.select.changed import changed_nodes
from fft_core.run.select.facts import select_nodes

UNIT_TEST = """\
model: counted
cases:
  - name: counts
    inputs: {{quiet: {{rows: [{{id: 1}}]}}}}
    expect: {{rows: [{{n: {expected}}}]}}
"""
FILES: Mapping[str, str] = {
    "project.yml": """\
name: shop
version: "1"
vars: {first_id: 1, unused: 2}
models:
  incremental:
    kept: {unique_key: id}
tests:
  - {type: not_null, table: users, column: id}
  - {type: not_null, table: "ref('kept')", column: id}
""",
    "profiles.yml": """\
dev: {engine: duckdb, duckdb: {path: dev.duckdb}}
prod: {engine: duckdb, duckdb: {path: prod.duckdb}}
""",
    "sources.yml": """\
version: 2
sources:
  - name: crm
    tables: [{name: orders}, {name: visits}]
""",
    "seeds/raw_users.csv": "id,email\n1,a@x.at\n",
    "seeds/domains.csv": "domain\nx.at\n",
    "seeds/schema.yml": "columns:\n  raw_users: {id: integer}\n  domains: {domain: string}\n",
    "models/users.ff.sql": "select id, {{ shout('email') }} as email from {{ ref('raw_users') }}",
    "models/quiet.ff.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('users') }}",
    "models/counted.ff.sql": "select count(*) as n from {{ ref('quiet') }} where id >= {{ var('first_id') }}",
    "models/kept.ff.sql": "{{ config(materialized='incremental') }} select id from {{ source('crm', 'orders') }}",
    "models/seen.ff.sql": "select id from {{ source('crm', 'visits') }}",
    "models/scores.ff.py": """\
from fft_core import model
from helpers.maths import twice

@model(name="scores", deps=["users"])
def scores(users):
    return twice(users)

@model(name="lengths", deps=["domains"])
def lengths(domains):
    return domains
""",
    "models/schema.yml": """\
version: 2
models:
  - name: users
    columns: [{name: id, tests: [unique]}]
  - name: seen
    description: Who was here.
""",
    "models/macros/text.sql": "{% macro shout(column) %}upper({{ trimmed(column) }}){% endmacro %}",
    "models/macros/inner.sql": "{% macro trimmed(column) %}trim({{ column }}){% endmacro %}",
    "models/macros/unused.sql": "{% macro nobody() %}1{% endmacro %}",
    "helpers/__init__.py": "",
    "helpers/maths.py": "from helpers.numbers import TWO\n\ndef twice(frame):\n    return frame\n",
    "helpers/numbers.py": "TWO = 2\n",
    "helpers/apart.py": "ALONE = 1\n",
    ".env.dev": "GREETING=hello\n",
    ".env.prod": "GREETING=good day\n",
    ".gitignore": ".fastflowtransform/\n*.duckdb\n",
    "README.md": "A shop.\n",
    "tests/unit/counted.yml": UNIT_TEST.format(expected=1),
}
ALL = {"raw_users", "domains", "users", "quiet", "counted", "kept", "seen", "scores", "lengths"}


def git(folder: Path, *arguments: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@x.at", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write files; None deletes one."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True) if text is None else path.write_text(text, encoding="utf-8")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project in a subfolder of a repository, committed, and tagged `start`."""
    root = tmp_path / "some where" / "shöp"
    write(root, FILES)
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "start")
    git(tmp_path, "tag", "start")
    return root


def changed(root: Path, ref: str = "start", **environment: str) -> set[str]:
    return set(changed_nodes(load_project(root, "dev", environment=environment), ref))


def replaced(name: str, old: str, new: str) -> dict[str, str | None]:
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


@pytest.mark.parametrize(
    ("edit", "names"),
    [
        ({}, ""),
        (replaced("models/users.ff.sql", "select id", "select  id"), "users"),
        (replaced("models/quiet.ff.sql", "select id", "select 1 as id"), "quiet"),
        (replaced("models/scores.ff.py", "twice(users)", "users"), "scores lengths"),
        ({"models/marts/new.ff.sql": "select 1 as id"}, "new"),
        ({"models/seen.ff.sql": None, "models/schema.yml": None}, "users"),
        ({"seeds/raw_users.csv": "id,email\n2,b@x.at\n"}, "raw_users"),
        ({"seeds/more/extra.csv": "id\n1\n"}, "extra"),
        (replaced("seeds/schema.yml", "id: integer", "id: string"), "raw_users"),
        ({"seeds/schema.yml": None}, "raw_users domains"),
        # macros: whatever uses one of the file, through others as well
        (replaced("models/macros/text.sql", "upper", "lower"), "users"),
        (replaced("models/macros/inner.sql", "trim(", "rtrim("), "users"),
        (replaced("models/macros/unused.sql", "1", "2"), ""),
        # a macro that is gone may have hidden something: all SQL models
        ({"models/macros/unused.sql": None}, "users quiet counted kept seen"),
        # modules: whatever imports one, through others as well
        (replaced("helpers/maths.py", "return frame", "return frame * 2"), "scores lengths"),
        (replaced("helpers/numbers.py", "2", "3"), "scores lengths"),
        ({"helpers/__init__.py": "X = 1\n"}, "scores lengths"),
        (replaced("helpers/apart.py", "1", "2"), ""),
        # schema files: the entries that differ
        (replaced("models/schema.yml", "Who was here.", "Visitors."), "seen"),
        (replaced("models/schema.yml", "unique", "not_null"), "users"),
        ({"models/schema.yml": None}, "users seen"),
        ({"models/more.yml": "version: 2\nseeds: [{name: domains, description: Ours.}]\n"}, "domains"),
        (replaced("models/schema.yml", "version: 2", "# a comment\nversion: 2"), ""),
        # sources
        (replaced("sources.yml", "name: visits", "name: visits, identifier: seen_by_us"), "seen"),
        (replaced("sources.yml", "name: crm", "name: crm\n    schema: landing"), "kept seen"),
        # project.yml: by key
        (replaced("project.yml", "first_id: 1", "first_id: 2"), "counted"),
        (replaced("project.yml", "unused: 2", "unused: 3"), ""),
        (replaced("project.yml", "unique_key: id", "unique_key: [id]"), "kept"),
        (replaced("project.yml", "not_null, table: users", "unique, table: users"), "users"),
        (replaced("project.yml", '  - {type: not_null, table: "ref(\'kept\')", column: id}\n', ""), "kept"),
        (replaced("project.yml", 'version: "1"', 'version: "2"'), ""),
        # where things are built, and what the environment says
        (replaced("profiles.yml", "prod.duckdb", "live.duckdb"), ""),
        (replaced("profiles.yml", "dev.duckdb", "mine.duckdb"), " ".join(sorted(ALL))),
        ({".env.dev": "GREETING=hi\n"}, " ".join(sorted(ALL))),
        ({".env.prod": "GREETING=hi\n"}, ""),
        ({"README.md": "No shop.\n", "tests/unit/counted.yml": UNIT_TEST.format(expected=2)}, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)  # fmt: skip
def test_what_changed_is_what_files_say_something_of(shop: Path, edit: dict[str, str | None], names: str) -> None:
    write(shop, edit)
    assert changed(shop) == set(names.split())


def test_committed_staged_edited_and_new_files_count_and_ignored_ones_do_not(shop: Path) -> None:
    write(shop, {"models/users.ff.sql": "select 1 as id"})
    git(shop, "commit", "-am", "users")
    write(shop, {"models/seen.ff.sql": "select 1 as id"})
    git(shop, "add", "-A")
    write(shop, {"models/kept.ff.sql": "select 1 as id", "models/new.ff.sql": "select 1 as id"})
    write(shop, {"seeds/data.duckdb": ""})
    write(shop.parent, {"outside.ff.sql": "select 1", "models/users.ff.sql": "select 1"})
    assert changed(shop) == {"users", "seen", "kept", "new"}
    assert changed(shop, "HEAD") == {"seen", "kept", "new"}


def test_what_was_changed_back_did_not_change(shop: Path) -> None:
    write(shop, {"models/users.ff.sql": "select 1 as id"})
    git(shop, "commit", "-am", "users")
    write(shop, {"models/users.ff.sql": FILES["models/users.ff.sql"]})
    assert changed(shop) == set()
    assert changed(shop, "HEAD") == {"users"}


def test_a_renamed_model_is_the_new_one(shop: Path) -> None:
    git(shop, "mv", "models/seen.ff.sql", "models/visitors.ff.sql")
    write(shop, {"models/schema.yml": None})
    assert changed(shop) == {"visitors", "users"}  # users had tests


def test_a_project_that_is_the_repository(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "start")
    write(tmp_path, {"models/users.ff.sql": "select 1 as id"})
    assert changed(tmp_path, "main") == {"users"}


def test_a_project_that_nobody_has_committed_changed_as_a_whole(shop: Path) -> None:
    other = shop.parent / "other"
    write(other, FILES)
    assert changed(other) == ALL


def test_a_profile_that_is_no_plain_yaml_changes_all(shop: Path) -> None:
    text = "{% set engine = 'duckdb' %}\ndev: {engine: {{ engine }}, duckdb: {path: dev.duckdb}}\n"
    write(shop, {"profiles.yml": text})
    assert changed(shop) == ALL


def test_inside_a_hook_of_git(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index.lock")
    write(shop, {"models/users.ff.sql": "select 1 as id"})
    assert changed(shop) == {"users"}


def test_what_is_affected_is_what_reads_the_changed(shop: Path) -> None:
    write(shop, {"models/users.ff.sql": "select 1 as id, 'x' as email", "seeds/domains.csv": "domain\ny.at\n"})
    project = load_project(shop, "dev", environment={})
    assert select_nodes(project, changed_since="start") == {"users", "counted", "scores", "domains", "lengths"}
    assert select_nodes(project, ["kind:python"], ["lengths"], changed_since="start") == {"scores"}
    assert select_nodes(project, changed_since="start", exclude=["users+"]) == {"domains", "lengths"}


def test_the_list_of_an_environment_variable_is_believed_instead_of_git(tmp_path: Path) -> None:
    write(tmp_path, FILES)  # in no repository
    assert changed(tmp_path, "whatever", FF_CI_CHANGED_MODELS=" users.ff, seen,") == {"users", "seen"}
    with pytest.raises(FftError, match="FF_CI_CHANGED_MODELS names 'usres', which is not a model or seed"):
        changed(tmp_path, FF_CI_CHANGED_MODELS="usres")


ANOTHER_SEEN = replaced("models/schema.yml", "Who was here.", "Visitors.")


@pytest.mark.parametrize(
    "then",
    [
        {"models/users.ff.sql": "select {% from"},
        {"models/schema.yml": "version: 3\n"},
        {"project.yml": None},
    ],
    ids=lambda then: next(iter(then)),
)
def test_a_commit_that_does_not_load_changes_all_and_is_said(
    shop: Path, then: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    write(shop, then)
    git(shop, "commit", "-am", "half done")
    write(shop, {**{name: FILES[name] for name in then}, **ANOTHER_SEEN})
    assert changed(shop, "HEAD") == ALL
    (said,) = [record.getMessage() for record in caplog.records]
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=shop, text=True)[:12]
    assert said.startswith("--changed-since counts all models and seeds as changed: the project of commit ")
    assert f"{commit} does not load: " in said
    assert next(iter(then)) in said
    assert changed(shop, "start") == {"seen"}


def test_a_secret_in_a_commit_that_does_not_load_is_not_said(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(shop, {"sources.yml": "version: hunter2secret\n"})
    git(shop, "commit", "-am", "half done")
    write(shop, {"sources.yml": FILES["sources.yml"]})
    assert changed(shop, "HEAD", FF_PG_PASSWORD="hunter2secret") == ALL
    assert "sources.yml" in caplog.text
    assert "hunter2secret" not in caplog.text


def test_what_git_ignores_is_as_it_is(shop: Path) -> None:
    """Data that is fetched, and models that are generated, are no part of any commit."""
    write(
        shop, {".gitignore": "*.csv\n/models/made/\n", "models/made/made.ff.sql": "select id from {{ ref('users') }}"}
    )
    write(shop, {"models/reader.ff.sql": "select id from {{ ref('made') }}"})
    git(shop, "rm", "--cached", "--quiet", "seeds/raw_users.csv", "seeds/domains.csv")
    git(shop, "add", "-A")
    git(shop, "commit", "-m", "without data")
    write(shop, ANOTHER_SEEN)
    assert changed(shop, "HEAD") == {"seen"}


def test_variables_of_the_command_line_did_not_change(shop: Path) -> None:
    write(shop, replaced("project.yml", "unused: 2", "unused: 3"))
    project = load_project(shop, "dev", environment={}, variables={"first_id": 9, "new": 1})
    assert changed_nodes(project, "start") == set()
    write(shop, replaced("project.yml", "first_id: 1", "first_id: 9"))
    assert changed_nodes(project, "start") == {"counted"}


def test_a_test_of_a_source_is_a_part_of_its_entry(shop: Path) -> None:
    checked = "name: visits, tests: [{type: row_count_between, min_rows: 1}]"
    write(shop, replaced("sources.yml", "name: visits", checked))
    assert changed(shop) == {"seen"}


def test_neither_the_repository_nor_the_users_caches_are_touched(
    shop: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches, temporary = tmp_path_factory.mktemp("caches"), tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("FFT_CACHE_DIR", str(caches))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    write(shop, {"models/users.ff.sql": "select 1 as id", **ANOTHER_SEEN})
    git(shop, "add", "models/users.ff.sql")
    before = [(path, path.stat().st_mtime_ns) for path in sorted(shop.parents[1].rglob("*"))]
    assert changed(shop) == {"users", "seen"}
    assert [(path, path.stat().st_mtime_ns) for path in sorted(shop.parents[1].rglob("*"))] == before
    assert len(list(caches.iterdir())) == 1
    assert list(temporary.iterdir()) == []


# packages

PACKAGE: Mapping[str, str] = {
    "project.yml": "name: shared\nversion: 1.0.0\n",
    "models/macros/text.sql": "{% macro loud(column) %}upper({{ column }}){% endmacro %}",
    "models/people.ff.sql": "select id from {{ ref('raw_users') }}",
    "models/counted_people.ff.py": """\
from fft_core import model
from counting import count

@model(deps=["people"])
def counted_people(people):
    return people.head(count())
""",
    "models/people.yml": "version: 2\nmodels: [{name: people, description: All.}]\n",
    "counting.py": "def count():\n    return 1\n",
    "README.md": "For all.\n",
}
OF_THE_PACKAGE = {"people", "counted_people"}


def with_package(shop: Path, folder: Path) -> Path:
    """Add a package to a project, and a model that uses its macro; commit that as `start`."""
    write(folder, PACKAGE)
    write(shop, {"packages.yml": f"shared: {folder}\n"})
    write(shop, {"models/shouting.ff.sql": "select {{ loud('email') }} as email from {{ ref('users') }}"})
    git(shop.parents[1], "add", "-A")
    git(shop.parents[1], "commit", "-m", "a package")
    git(shop.parents[1], "tag", "-f", "start")
    return folder


@pytest.mark.parametrize(
    ("edit", "names"),
    [
        ({}, ""),
        ({"models/people.ff.sql": "select 1 as id"}, "people"),
        ({"models/macros/text.sql": "{% macro loud(column) %}lower({{ column }}){% endmacro %}"}, "shouting"),
        ({"counting.py": "def count():\n    return 2\n"}, "counted_people"),
        ({"models/people.yml": None}, "people"),
        ({"README.md": "For some.\n", "sources.yml": "crm: {other: {}}\n", ".env.dev": "X=1\n"}, ""),
    ],
)
def test_files_of_a_package_beside_the_project_count(shop: Path, edit: dict[str, str | None], names: str) -> None:
    package = with_package(shop, shop.parent / "shared")
    write(package, edit)
    assert changed(shop) == set(names.split())


def test_a_package_by_a_relative_path_inside_the_project(shop: Path) -> None:
    with_package(shop, shop / "shared")
    write(shop, {"packages.yml": "shared: shared\n"})
    git(shop, "commit", "-am", "relative")
    write(shop, {"shared/models/people.yml": None, **ANOTHER_SEEN})
    assert changed(shop, "HEAD") == {"people", "seen"}


def test_a_package_from_git_is_what_the_lock_says(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    repository = tmp_path_factory.mktemp("repository")
    write(repository, PACKAGE)
    git(repository, "init", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "start")
    write(shop, {"packages.yml": f"shared: {{git: {repository}}}\n"})
    install_packages(shop)
    git(shop, "add", "-A")
    git(shop, "commit", "-m", "a package")
    write(shop, ANOTHER_SEEN)
    assert changed(shop, "HEAD") == {"seen"}
    write(shop, {"models/again.yml": "version: 2\nmodels: [{name: people, description: Ours.}]\n"})
    assert changed(shop, "HEAD") == {"seen", "people"}
    assert changed(shop) == {*ALL, *OF_THE_PACKAGE}


def test_a_package_that_this_repository_does_not_know_counts_as_changed(
    shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "shared"
    with_package(shop, elsewhere)
    assert changed(shop) == {*OF_THE_PACKAGE, "shouting"}
    git(elsewhere, "init", "-b", "main")
    git(elsewhere, "add", "-A")
    git(elsewhere, "commit", "-m", "start")
    git(elsewhere, "tag", "start")
    assert changed(shop) == {*OF_THE_PACKAGE, "shouting"}


def test_another_list_of_packages_changes_all(shop: Path) -> None:
    write(shop.parent / "shared", PACKAGE)
    write(shop, {"packages.yml": "shared: ../shared\n"})
    assert changed(shop) == {*ALL, *OF_THE_PACKAGE}


# what cannot be known


@pytest.mark.parametrize("ref", ["nowhere", "--output=here", "HEAD:README.md", "start..HEAD", ""])
def test_an_unknown_commit(shop: Path, ref: str) -> None:
    with pytest.raises(FftError) as caught:
        changed(shop, ref)
    assert str(caught.value).startswith(f"git has no commit {ref!r} [FFT-304]\n    hint: Name a commit, branch or tag.")
    assert not (shop / "here").exists()


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(tmp_path, FILES)
    with pytest.raises(FftError, match=r"git cannot say what changed in .*: not a git repository(.|\n)*hint: "):
        changed(tmp_path)


def test_an_ignored_project(shop: Path) -> None:
    write(shop.parent, {".gitignore": "/scratch/\n"})
    write(shop.parent / "scratch", FILES)
    with pytest.raises(FftError, match=r"git ignores project.yml, so changes cannot be found"):
        changed(shop.parent / "scratch")


def test_no_git(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(shop))
    with pytest.raises(
        FftError,
        match=(
            r"--changed-since asks git, which cannot be run: No such file .* "
            r"\[FFT-\d+\]\n    hint: "
        ),
    ):
        changed(shop)
