"""Decorators with computed arguments: their file alone is imported, apart, and only if what it reads has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import Files, loaded, problems, write_project

from fft_core import load_project
from fft_core.project.model import SourceName
from fft_core.project.read.cache_folder import ProjectCache

CODE = """\
    import os
    import sys
    import pandas as pd
    from helpers import PREFIX
    from fastflowtransform import engine_model, model
    from fastflowtransform.core import source

    with open("imported.log", "a") as log:
        log.write("once\\n")
    print("noise")
    ENGINES = ["duckdb"] + ["bigquery"]
    DEPS = ["numbers.ff"]
    KIND = os.getenv("FF_KIND", "plain")

    @engine_model(name=f"{PREFIX}_first", deps=DEPS + [source("crm", "users")], only=ENGINES, tags={"a", KIND})
    def first(one, other):
        return one

    @engine_model(name=PREFIX + "_second", only=[os.environ["FF_ENGINE"].upper()], meta=dict(materialized="view"))
    def second():
        return pd.DataFrame()

    @engine_model(name=PREFIX + "_third", only=[engine for engine in ENGINES if engine != "duckdb"])
    def third():
        return pd.DataFrame()

    if KIND == "special":
        @model(name="special", tags=[KIND])
        def fourth():
            return pd.DataFrame()
    """
FILES: Files = {
    "helpers.py": "PREFIX = 'mart'\n",
    "sources.yml": "version: 2\nsources: [{name: crm, tables: [{name: users}]}]\n",
    "models/numbers.ff.sql": "select 1 as n",
    "models/untouched.ff.py": "from fft_core import model\nraise RuntimeError\n@model\ndef m(): ...\n",
    "models/computed.ff.py": CODE,
}


def imports(root: Path) -> int:
    log = root / "imported.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_arguments_are_what_the_file_computes(tmp_path: Path) -> None:
    project = loaded(tmp_path, FILES, FF_KIND="b")
    assert set(project.models) == {"numbers", "untouched", "mart_first", "mart_second"}
    assert project.models["mart_first"].inputs == ("numbers", SourceName("crm", "users"))
    assert set(project.models["mart_first"].tags) == {"a", "b"}
    assert project.models["mart_second"].materialization.name == "view"
    assert project.elsewhere == {"mart_third"}
    assert imports(tmp_path) == 1


@pytest.mark.parametrize(
    ("change", "environment", "names"),
    [
        ({}, {}, {"mart_first", "mart_second"}),
        ({"models/numbers.ff.sql": "select 2 as n"}, {}, {"mart_first", "mart_second"}),
        ({}, {"FF_OTHER": "x"}, {"mart_first", "mart_second"}),
    ],
)
def test_an_unchanged_file_is_not_imported_again(
    tmp_path: Path, change: Files, environment: dict[str, str], names: set[str]
) -> None:
    root = write_project(tmp_path, FILES)
    load_project(root, "dev", environment={})
    write_project(tmp_path, change)
    assert names <= set(load_project(root, "dev", environment=environment).models)
    assert imports(tmp_path) == 1


@pytest.mark.parametrize(
    ("change", "environment", "names"),
    [
        ({"helpers.py": "PREFIX = 'other'\n"}, {}, {"other_first", "other_second"}),
        ({}, {"FF_KIND": "special"}, {"mart_first", "special"}),
        ({"models/computed.ff.py": CODE.replace("_first", "_new")}, {}, {"mart_new", "mart_second"}),
    ],
)
def test_what_it_reads_counts(tmp_path: Path, change: Files, environment: dict[str, str], names: set[str]) -> None:
    root = write_project(tmp_path, FILES)
    load_project(root, "dev", environment={})
    write_project(tmp_path, change)
    assert names <= set(load_project(root, "dev", environment=environment).models)
    assert imports(tmp_path) == 2


def test_a_file_that_reads_what_nobody_can_look_at_again_is_imported_each_time(tmp_path: Path) -> None:
    code = """\
        import os
        from fastflowtransform import model
        with open("imported.log", "a") as log:
            log.write("once\\n")

        @model(name="m", tags=sorted(os.listdir("seeds")))
        def m(): ...
        """
    root = write_project(tmp_path, {"models/m.ff.py": code, "seeds/a.csv": "id\n1\n"})
    assert load_project(root, "dev", environment={}).models["m"].tags == ("a.csv",)
    write_project(tmp_path, {"seeds/b.csv": "id\n1\n"})
    assert load_project(root, "dev", environment={}).models["m"].tags == ("a.csv", "b.csv")
    assert imports(tmp_path) == 2


def test_a_constant_that_is_changed_is_no_constant(tmp_path: Path) -> None:
    code = """\
        from fastflowtransform import model
        DEPS = ["a.ff"]
        DEPS.append("b.ff")
        NAME = "x"
        NAME += "y"

        @model(name=NAME, deps=DEPS)
        def m(a, b): ...
        """
    files = {"models/a.ff.sql": "select 1 as n", "models/b.ff.sql": "select 1 as n", "models/m.ff.py": code}
    assert loaded(tmp_path, files).models["xy"].inputs == ("a", "b")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 / 0", "models/m.ff.py:2: m.ff.py cannot be imported: ZeroDivisionError: division by zero"),
        ("import not_there_at_all", "models/m.ff.py:2: m.ff.py cannot be imported: ModuleNotFoundError: No module"),
        ("raise SystemExit(3)", "models/m.ff.py:2: m.ff.py cannot be imported: SystemExit: 3"),
        ("import os; os._exit(4)", "models/m.ff.py: m.ff.py cannot be imported: its process ended with exit code 4"),
    ],
)
def test_a_file_that_cannot_be_imported_is_a_problem_of_it(tmp_path: Path, line: str, message: str) -> None:
    models = "@model(name='x' + 'y')\ndef m(): ...\n@model(name='z' + 'y')\ndef n(): ...\n"
    code = f"from fft_core import model\n{line}\n{models}"
    (said,) = problems(tmp_path, {"models/m.ff.py": code})
    assert said.startswith(message)


def test_an_argument_that_is_no_plain_value_is_an_error(tmp_path: Path) -> None:
    code = "from fft_core import model\n@model(name='x' + 'y', meta=open)\ndef m(): ...\n"
    (said,) = problems(tmp_path, {"models/m.ff.py": code})
    assert "an argument of the decorator is not a plain value: builtin_function_or_method" in said


def test_a_secret_is_kept_nowhere_and_its_file_imported_each_time(tmp_path: Path) -> None:
    code = """\
        import os
        from fastflowtransform import model
        with open("imported.log", "a") as log:
            log.write("once\\n")

        @model(name="m_" + ("with" if os.environ.get("CRM_LOGIN") else "without"))
        def m(): ...
        """
    files = {"project.yml": "name: shop\nversion: '1'\nsecrets: [CRM_*]\n", "models/m.ff.py": code}
    assert set(loaded(tmp_path, files, CRM_LOGIN="5ecret").models) == {"m_with"}
    assert set(load_project(tmp_path, "dev", environment={}).models) == {"m_without"}
    assert imports(tmp_path) == 2
    assert not ProjectCache(tmp_path).files()


def test_files_that_it_reads_count_and_files_that_it_writes_do_not(tmp_path: Path) -> None:
    code = """\
        import json, tempfile
        from pathlib import Path
        from fft_core import model
        with open("imported.log", "a") as log:
            log.write("once\\n")
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        with open("/proc/self/stat") as stat:
            stat.read()

        @model(name="m", tags=json.loads(Path("tags.json").read_text()))
        def m(): ...
        """
    assert loaded(tmp_path, {"models/m.ff.py": code, "tags.json": '["a"]'}).models["m"].tags == ("a",)
    assert loaded(tmp_path, {"models/other.ff.sql": "select 1 as x"}).models["m"].tags == ("a",)
    assert imports(tmp_path) == 1
    assert loaded(tmp_path, {"tags.json": '["b"]'}).models["m"].tags == ("b",)
    assert imports(tmp_path) == 2


def test_a_package_computes_its_own(tmp_path: Path) -> None:
    code = "from words import WORD\nfrom fft_core import model\n@model(name=WORD + '_m')\ndef m(): ...\n"
    files = {
        "packages.yml": "packages: [{name: shared, path: ../shared}]\n",
        "../shared/project.yml": "name: shared\nversion: '1.0.0'\n",
        "../shared/words.py": "WORD = 'theirs'\n",
        "../shared/models/m.ff.py": code,
    }
    assert set(loaded(tmp_path / "shop", files).models) == {"theirs_m"}
    (said,) = problems(tmp_path / "shop", {**files, "../shared/words.py": "1 / 0\n"})
    assert said.startswith("packages/shared/words.py:1: m.ff.py cannot be imported: ZeroDivisionError")


def test_a_model_under_a_condition_is_one_if_that_is_so(tmp_path: Path) -> None:
    code = """\
        import os
        from fastflowtransform import model

        if os.environ.get("FF_REGION") == "eu":
            @model(name="sums", tags=["eu"])
            def sums(): ...
        else:
            @model(name="sums", tags=["us"])
            def sums(): ...

        try:
            import not_there_at_all
        except ImportError:
            @model(name="instead")
            def instead(): ...
        else:
            @model(name="wanted")
            def wanted(): ...
        """
    for region in ("eu", "us"):
        project = loaded(tmp_path, {"models/m.ff.py": code}, FF_REGION=region)
        assert set(project.models) == {"sums", "instead"}
        assert project.models["sums"].tags == (region,)
