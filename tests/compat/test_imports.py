"""`import fastflowtransform` in the files of a project, whatever is installed under that name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from written_projects import opened, write_project

from fft_core.errors import ModelError

NAMES = """\
    import importlib
    import os
    import pandas as pd
    import {package}
    import {package}.decorators as by_alias
    from {package} import engine_model, model
    from {package}.core import model as same, ref, relation_for, source
    from {package}.decorators import dq_test
    from {package}.hooks.registry import fft_hook
    from {package}.hooks.types import HookContext, ModelContext, RunContext
    from {package}.testing import base as testing

    @model(name="m", deps=["numbers.ff", "more.ff"])
    def build(dfs):
        from {package}.core import relation_for as inside
        by_name = importlib.import_module("{package}.core")
        assert by_name.relation_for is inside is relation_for
        assert {package}.decorators.dq_test is dq_test is by_alias.dq_test
        return pd.DataFrame({{"n": [len(dfs[relation_for("numbers.ff")]) + len(dfs[ref("more")])]}})
    """


@pytest.mark.parametrize("package", ["fastflowtransform", "flowforge"])
def test_its_names_are_there_without_the_package(tmp_path: Path, package: str) -> None:
    files = {
        "models/numbers.ff.sql": "select 1 as n",
        "models/more.ff.sql": "select 2 as n union all select 3",
        "models/m.ff.py": NAMES.format(package=package),
    }
    with opened(tmp_path, files) as shop:
        shop.build()
        assert shop.rows("select n from m") == [(3,)]
    assert package not in sys.modules


REAL = "raise RuntimeError('the real package is imported')\n"
USES_BOTH = """\
import sys
from fft_core import Run, load_project
with Run(load_project(sys.argv[1], environment={}), path=":memory:") as run:
    print([type(run.build(node)).__name__ for node in run.order()])
try:
    import fastflowtransform
except RuntimeError as error:
    print(error)
"""


def test_an_installed_package_of_that_name_is_not_touched(tmp_path: Path) -> None:
    code = "from fastflowtransform import model\n@model\ndef m():\n    import pandas as pd\n"
    root = write_project(tmp_path / "shop", {"models/m.ff.py": code + "    return pd.DataFrame({'n': [1]})\n"})
    installed = tmp_path / "installed" / "fastflowtransform"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text(REAL)
    (tmp_path / "run.py").write_text(USES_BOTH)
    paths = f"{installed.parent}:{Path(__file__).parents[2]}"
    done = subprocess.run(
        [sys.executable, tmp_path / "run.py", root], env={"PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["['BuildResult']", "the real package is imported"], done.stderr


def test_what_the_package_has_beyond_that_is_named(tmp_path: Path) -> None:
    code = "import fastflowtransform.executors\nfrom fastflowtransform import model\n@model\ndef m():\n    return 1\n"
    with opened(tmp_path, {"models/m.ff.py": code}) as shop, pytest.raises(ModelError) as caught:
        shop.build()
    assert "no module 'fastflowtransform.executors': of 'fastflowtransform', FFT has itself, .decorators" in str(
        caught.value
    )


def test_code_sees_the_variables_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the .env files too, as `env()` does in SQL; the process keeps its own ones."""
    monkeypatch.setenv("OF_THE_PROCESS", "p")
    code = """\
        import os
        from os import getenv
        import pandas as pd
        from fastflowtransform import model

        @model(name="m.ff")
        def build(_: pd.DataFrame | None):
            seen = [os.environ["FF_ENGINE"], getenv("FF_LAYER", "none"), os.environ.get("OF_THE_PROCESS")]
            assert "NOT_THERE" not in os.environ and dict(os.environ)["FF_LAYER"] == seen[1]
            assert (os.environ | {"A": "1"})["A"] == ({"A": "1"} | os.environ)["A"] == "1"
            return pd.DataFrame({"v": [*seen, os.environ["FFT_ACTIVE_ENV"], os.path.basename("a/b")]})
        """
    with opened(tmp_path, {"models/m.ff.py": code}, FF_LAYER="from .env") as shop:
        shop.build()
        assert shop.rows("select v from m") == [("duckdb",), ("from .env",), ("p",), ("dev",), ("b",)]
