"""Models of some engines: `only`, `engine_model`, `env_match`, `engines`; several files for one name."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import loaded, opened, problems

from fft_core.errors import RequestError
from fft_core.project.model.selection import select
from fft_core.run.select.changed import changed_nodes

PROFILES = """\
dev_duckdb: {engine: duckdb, duckdb: {path: ':memory:'}}
dev_postgres: {engine: postgres, postgres: {dsn: postgresql://nobody@nowhere/none}}
"""
DUCK = """\
from fastflowtransform import engine_model
import pandas as pd

@engine_model(only="duckdb", name="per_engine", deps=["numbers.ff"], tags=["engine:duckdb"])
def build(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(engine="duckdb")
"""
OTHERS = """\
from __future__ import annotations
from typing import TYPE_CHECKING
from fastflowtransform import engine_model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SDF
    import bigframes.pandas as bpd

@engine_model(only=("postgres", "bigquery"), name="per_engine", deps=["numbers.ff"])
def build(df):
    return df.assign(engine="other")

@engine_model(only="databricks_spark", name="per_engine", deps=["numbers.ff"], nonsense=1)
def build_spark(df: SDF) -> SDF:
    return df

@engine_model(
    env_match={"FF_ENGINE": "bigquery", "FF_ENGINE_VARIANT": "bigframes"}, name="per_engine", deps=["numbers.ff"]
)
def build_frames(df: bpd.DataFrame) -> bpd.DataFrame:
    return df
"""
FILES = {
    "profiles.yml": PROFILES,
    "models/numbers.ff.sql": "select 1 as n",
    "models/engines/duckdb/per_engine.ff.py": DUCK,
    "models/engines/others.ff.py": OTHERS,
    "models/only_there.ff.sql": "{{ config(engines=['bigquery']) }}\nselect * from {{ ref('nothing.ff') }}",
    "tests/unit/only_there.yml": "model: only_there.ff\ncases: [{name: c, expect: {rows: []}}]\n",
    "project.yml": "name: shop\nversion: '1'\ntests: [{type: not_null, table: only_there, column: id}]\n",
}


@pytest.mark.parametrize(
    ("env", "path"),
    [("dev_duckdb", "models/engines/duckdb/per_engine.ff.py"), ("dev_postgres", "models/engines/others.ff.py")],
)
def test_each_engine_has_its_own_file_of_a_model(tmp_path: Path, env: str, path: str) -> None:
    project = loaded(tmp_path, FILES, env)
    assert {name: model.path.as_posix() for name, model in project.models.items()} == {
        "numbers": "models/numbers.ff.sql",
        "per_engine": path,
    }
    assert project.elsewhere == {"only_there"}
    assert not project.checks
    assert not project.unit_tests


def test_the_model_of_this_engine_is_built(tmp_path: Path) -> None:
    with opened(tmp_path, FILES, "dev_duckdb") as shop:
        shop.build()
        assert shop.rows("select n, engine from per_engine") == [(1, "duckdb")]


def test_variables_choose_a_model_and_another_value_another_one(tmp_path: Path) -> None:
    variant = """\
        from fastflowtransform import engine_model
        @engine_model(env_match={"FF_ENGINE": "duckdb", "FF_ENGINE_VARIANT": "pandas"}, name="m")
        def one():
            return 1
        @engine_model(env_match={"FF_ENGINE": "duckdb", "FF_ENGINE_VARIANT": "frames"}, name="m")
        def other():
            return 2
        """
    files = {"profiles.yml": PROFILES, "models/m.ff.py": variant}

    def function(**environment: str) -> list[str]:
        models = loaded(tmp_path, files, "dev_duckdb", **environment).models.values()
        return [model.body.function for model in models]  # type: ignore[union-attr]

    assert function(FF_ENGINE_VARIANT="pandas") == ["one"]
    assert function(FF_ENGINE_VARIANT="frames") == ["other"]  # although the files were read before
    assert function() == []


def test_two_of_one_name_for_one_engine_are_an_error(tmp_path: Path) -> None:
    again = DUCK.replace("def build", "def again")
    (said,) = problems(tmp_path, {**FILES, "models/again.ff.py": again}, "dev_duckdb")
    assert "model 'per_engine' is also in" in said


def test_a_reference_to_a_model_of_another_engine_says_so(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, {**FILES, "models/x.ff.sql": "select * from {{ ref('only_there.ff') }}"}, "dev_duckdb")
    assert "ref('only_there') is not a model or seed [FFT-110]" in said
    assert "It exists for other engines" in said


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("only=1", "only must be an engine"),
        ("env_match={'FF_ENGINE': 1}", "env_match must map variables to texts [FFT-106]"),
    ],
)
def test_what_is_no_condition_is_an_error(tmp_path: Path, argument: str, message: str) -> None:
    code = f"from fastflowtransform import engine_model\n@engine_model({argument})\ndef m():\n    return 1\n"
    (said,) = problems(tmp_path, {"models/m.ff.py": code})
    assert said.startswith(f"models/m.ff.py:3: {message}")


def test_a_model_of_another_engine_can_be_selected_and_is_none(tmp_path: Path) -> None:
    only = "{{ config(engines=['bigquery']) }} select 1 as id"
    project = loaded(tmp_path, {**FILES, "models/only_there.ff.sql": only}, "dev_duckdb")
    assert select(project, ["only_there.ff numbers.ff"]) == {"numbers"}
    assert select(project, ["+only_there"]) == frozenset()
    with pytest.raises(RequestError, match="'only_here' is not a model or seed"):
        select(project, ["only_here"])


def test_changed_models_of_another_engine_are_none(tmp_path: Path) -> None:
    only = "{{ config(engines=['bigquery']) }} select 1 as id"
    files = {**FILES, "models/only_there.ff.sql": only}
    listed = {"FF_CI_CHANGED_MODELS": "only_there.ff,numbers.ff"}
    project = loaded(tmp_path, files, "dev_duckdb", **listed)
    assert changed_nodes(project, "main") == {"numbers"}
