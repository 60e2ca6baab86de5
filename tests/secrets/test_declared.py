"""What is declared a secret counts in no fingerprint; what only looks like one counts, and is masked."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from fft_core import FftError, Model, Project, ProjectError, load_project, make_plan, open_warehouse
from fft_core.names.secret_names import looks_secret
from fft_core.operations.preview import rendered_sql
from fft_core.project.profile.environment import WELL_KNOWN, counted_variables, is_secret
from fft_core.project.profile.secrets import project_masker, warn_of_short_secrets
from fft_core.run.turn import build_model

LOOK = ["FF_API_TOKEN", "OUR_PASSWORD", "DB_PASSWD", "X_SECRET", "SECRET_KEY", "api_key", "MY_PRIVATE_KEY", "CRM_DSN"]
DO_NOT = ["PWD", "OLDPWD", "FF_ACCESS_KEY_COLUMN", "FF_PASS_RATE", "FF_TOKEN_LIMIT", "FF_SECRET_NAME", "PASSWORD_FILE"]
COUNTED = [*DO_NOT[2:], "FF_MY_TOKEN", "FF_DB_PASSWORD", "FF_SECRET", "FF_CRM_API_KEY", "FF_PASSPHRASE"]


def project(root: Path, text: str, *, more: str = "", **environment: str) -> Project:
    (root / "models").mkdir(exist_ok=True)
    (root / "project.yml").write_text(f"name: p\nversion: '1'\n{more}")
    (root / "profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: db.duckdb}}\n")
    (root / "models" / "m.ff.sql").write_text(text)
    return load_project(root, environment=environment)


def due(made: Project) -> list[str]:
    with open_warehouse(made) as warehouse:
        return [reason.kind for decision in make_plan(warehouse).builds for reason in decision.reasons]


def build(made: Project) -> None:
    with open_warehouse(made) as warehouse:
        build_model(warehouse, made.model("m"))


@pytest.mark.parametrize("name", LOOK)
def test_names_that_look_like_credentials(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", DO_NOT)
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)
    assert not is_secret(name)


@pytest.mark.parametrize("name", COUNTED)
def test_a_variable_counts_whatever_words_are_in_its_name(name: str, tmp_path: Path) -> None:
    assert counted_variables({name: "1"}, [name], all_of_ours=True) == {name: "1"}
    text = f"select '{{{{ env('{name}') }}}}' as a"
    build(project(tmp_path, text, **{name: "one-value"}))
    assert due(project(tmp_path, text, **{name: "one-value"})) == []
    assert "code_changed" in due(project(tmp_path, text, **{name: "another-value"}))


@pytest.mark.parametrize("name", ["PWD", "OUR_TOKEN"])
def test_a_variable_that_a_python_model_reads_counts(name: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.ff.py").write_text(
        "import os\nimport pandas as pd\nfrom fft_core import model\n\n@model(deps=[])\ndef m():\n"
        f"    return pd.DataFrame({{'a': [os.environ.get('{name}')]}})\n"
    )
    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    (tmp_path / "profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: db.duckdb}}\n")
    build(load_project(tmp_path, environment={name: "one-value"}))
    assert due(load_project(tmp_path, environment={name: "one-value"})) == []
    assert due(load_project(tmp_path, environment={name: "another-value"})) == ["environment_changed"]


@pytest.mark.parametrize("said", ["FF_LOGIN", "'FF_LOG[I]N'", "FF_*", "OTHER, FF_LOGIN"])
def test_a_declared_secret_counts_in_nothing(said: str, tmp_path: Path) -> None:
    text, more = "select '{{ env('FF_LOGIN') }}' || '{{ var('FF_LOGIN', 'x') }}' as a", f"secrets: [{said}]\n"
    build(project(tmp_path, text, more=more, FF_LOGIN="one-value"))
    for value in ("one-value", "another-value"):
        assert due(project(tmp_path, text, more=more, FF_LOGIN=value)) == []
    with_variable = f"vars: {{FF_LOGIN: 12345}}\n{more}"
    assert due(project(tmp_path, text, more=with_variable, FF_LOGIN="x")) == []
    assert due(project(tmp_path, text, FF_LOGIN="one-value")) != []  # it is declared no more


def test_the_secret_itself_is_in_the_rows_and_its_name_where_sql_is_shown(tmp_path: Path) -> None:
    text = "select '{{ env('FF_LOGIN') }}' as a, '{{ var('pin') }}' as b, '{{ env('OUR_TOKEN') }}' as c"
    more = "vars: {pin: 123456}\nsecrets: [FF_LOGIN, pin]\n"
    made = project(tmp_path, text, more=more, FF_LOGIN="one-value", OUR_TOKEN="two-value")
    build(made)
    with open_warehouse(made) as warehouse:
        assert warehouse.engine.fetch("select * from m") == [("one-value", "123456", "two-value")]
    model = made.model("m")
    assert isinstance(model, Model)
    assert rendered_sql(made, model) == "select '@env:FF_LOGIN' as a, '@var:pin' as b, '@env:OUR_TOKEN' as c"


@pytest.mark.parametrize("said", ["'*'", "'**'", "'?'", "'[!x]*'", "''", "' A'", "'A '"])
def test_a_glob_that_names_no_variable_is_refused(said: str, tmp_path: Path) -> None:
    with pytest.raises(
        ProjectError,
        match=r"project\.yml:3: secrets\.0: .*is not a name of variables; write a "
        r"name, or a glob",
    ):
        project(tmp_path, "select 1 as a", more=f"secrets: [{said}]\n")


def test_what_is_masked(tmp_path: Path) -> None:
    variables = "{login: var-secret, keys: {a: [key-secret]}, our_token: tok-secret, other: plain}"
    more = f"vars: {variables}\nsecrets: [login, keys, 'C*']\n"
    environment = {
        "CRM": "env-secret",
        "PGPASSWORD": "pg-secret",
        "OUR_TOKEN": "looks-secret",
        "USES_TOKEN": "true",
        "SERVICE": "https://me:url-secret@host/path",
        "PLAIN": "a-plain-value",
    }
    made = project(tmp_path, "select 1 as a", more=more, **environment)
    (tmp_path / "profiles.yml").write_text(
        "dev: {engine: postgres, postgres: {dsn: 'postgresql://me:dsn%2Fsecret@host/db?sslpassword=ssl-secret'}}\n"
        "dev_utest: {engine: postgres, postgres: {dsn: 'host=h password=''utest secret'''}}\n"
    )
    mask = project_masker(load_project(tmp_path, environment=environment))
    for value in "var key env pg looks url ssl".split():
        assert mask(f"a {value}-secret b") == "a *** b", value
    for value in ("tok-secret", "dsn/secret", "dsn%2Fsecret", "utest secret"):
        assert mask(f"a {value} b") == "a *** b", value
    assert mask("postgresql://me:dsn%2Fsecret@host/db") == "postgresql://me:***@host/db"
    for value in ("true", "plain", "a-plain-value", "https", "host/path"):
        assert mask(value) == value
    assert made.secrets == ("login", "keys", "C*")


def test_a_declared_secret_that_is_too_short_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = project(
        tmp_path, "select 1 as a", more="vars: {pin: 123}\nsecrets: [pin, A_*]\n", A_B="abc", A_C="", A_D="abcd"
    )
    with caplog.at_level(logging.WARNING):
        warn_of_short_secrets(made)
    assert caplog.messages == [
        "the secret A_B has fewer than 4 characters: its value is not masked",
        "the secret pin has fewer than 4 characters: its value is not masked",
    ]
    assert project_masker(made)("123 abc abcd") == "123 abc ***"


def test_an_error_of_a_build_is_masked_in_python_too(tmp_path: Path) -> None:
    made = project(
        tmp_path, "select no_such_column, '{{ env('CRM') }}' as a", more="secrets: [CRM]\n", CRM="it's secret"
    )
    with open_warehouse(made) as warehouse, pytest.raises(FftError) as caught:
        build_model(warehouse, made.model("m"))
    assert str(caught.value) == (
        "models/m.ff.sql: invalid SQL: ' is missing: the part that begins in line 1 is not closed [FFT-403]"
    )
    assert "secret" not in str(caught.value) + repr(vars(caught.value))


def test_the_page_lists_the_well_known_names() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "secrets.md").read_text()
    listed = page.partition("Names that are secrets everywhere: ")[2].partition(". `PWD`")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == WELL_KNOWN
