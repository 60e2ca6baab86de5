"""Python models: the frames that they get, the types that survive, their imports, and how their errors read."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from written_projects import Files, opened

from fft_core import ModelError, RequiredColumnsError, relation_for, source

IMPORTS = (
    "import pandas as pd\nimport polars as pl\nimport pyarrow as pa\nfrom fft_core import model, relation_for, source\n"
)
INPUTS: Files = {
    "models/a.ff.sql": "select 1 as x, 'one' as s",
    "models/b.ff.sql": "select 2 as y",
    "sources.yml": "crm: {users: {identifier: seed_users}}\n",
    "seeds/seed_users.csv": "id\n7\n",
}


def row_of(folder: Path, code: str, files: Files = INPUTS) -> Mapping[str, object]:
    """Build a model `m` with all that it reads; give its first row."""
    with opened(folder, {**files, "models/m.ff.py": code}) as shop:
        shop.build()
        frame = shop.warehouse.engine.frames.read("select * from m")
    rows: list[dict[str, object]] = frame.to_pylist()
    return rows[0] if rows else {}


# what a function gets

TYPED = "return pd.DataFrame({'kind': [type(frame).__module__.split('.')[0] + '.' + type(frame).__name__]})"


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("", "pandas.DataFrame"),
        (": pd.DataFrame", "pandas.DataFrame"),
        (": pl.DataFrame", "polars.DataFrame"),
        (": pl.LazyFrame", "polars.LazyFrame"),
        (": pa.Table", "pyarrow.Table"),
        (": pl.DataFrame | None", "polars.DataFrame"),
        (": 'pl.DataFrame'", "polars.DataFrame"),
        (": DataFrame", "polars.DataFrame"),
        (": Table", "pyarrow.Table"),
    ],
)
def test_one_dep_gives_the_frame_that_the_parameter_names(
    tmp_path: Path, annotation: str, kind: str, future: str
) -> None:
    imports = f"{future}{IMPORTS}from polars import DataFrame\nfrom pyarrow import Table\n"
    code = f"{imports}@model(deps=['a.ff'])\ndef m(frame{annotation}):\n    {TYPED}\n"
    kinds = {"pandas.DataFrame": {"pandas.DataFrame"}, "pyarrow.Table": {"pyarrow.Table"}}
    found = row_of(tmp_path, code)["kind"]
    assert found in kinds.get(kind, {kind})


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_an_annotation_for_type_checkers_only_still_says_the_frame(tmp_path: Path, future: str) -> None:
    code = (
        f"{future}from typing import TYPE_CHECKING\nimport pandas as pd\nfrom fft_core import model\n"
        "if TYPE_CHECKING:\n    import polars as pl\n"
        f"@model(deps=['a.ff'])\ndef m(frame: 'pl.DataFrame') -> 'pl.DataFrame':\n    {TYPED}\n"
    )
    assert row_of(tmp_path, code)["kind"] == "polars.DataFrame"


@pytest.mark.parametrize("frame", ["pd.DataFrame", "pl.DataFrame", "pa.Table"])
def test_several_deps_and_one_parameter_give_a_mapping_by_physical_relation(tmp_path: Path, frame: str) -> None:
    code = f"""{IMPORTS}
@model(deps=["a.ff", "b", source("crm", "users")])
def m(frames: dict[str, {frame}]) -> pd.DataFrame:
    assert list(frames) == ["a", "b", "seed_users"]
    assert all(type(frame).__name__ == "{frame[3:]}" for frame in frames.values()), frames
    assert frames[relation_for("a.ff")] is frames["a"] is frames["a.ff"]
    assert frames["crm.users"] is frames[source("crm", "users")] is frames["seed_users"]
    return pd.DataFrame({{"columns": [",".join(sorted(c for f in frames.values() for c in (
        f.column_names if hasattr(f, "column_names") else f.columns) if not c.startswith("_ff")))]}})
"""
    assert row_of(tmp_path, code) == {"columns": "id,s,x,y"}


def test_several_parameters_are_filled_by_position_each_with_its_own_frame(tmp_path: Path) -> None:
    code = f"""{IMPORTS}
@model(deps=["b", "a"])
def m(first: pl.DataFrame, second, optional=3):
    return pd.DataFrame({{"x": second["x"], "y": [first["y"][0]], "z": [optional]}})
"""
    assert row_of(tmp_path, code) == {"x": 1, "y": 2, "z": 3}


def test_any_number_of_parameters(tmp_path: Path) -> None:
    code = f"{IMPORTS}@model(deps=['b', 'a'])\ndef m(*frames):\n    return pd.concat(frames, axis=1)\n"
    assert row_of(tmp_path, code) == {"y": 2, "x": 1, "s": "one"}


@pytest.mark.parametrize("parameters", ["", "_: pd.DataFrame | None", "_=None"])
def test_no_deps(tmp_path: Path, parameters: str) -> None:
    code = f"{IMPORTS}@model\ndef m({parameters}):\n    return pd.DataFrame({{'x': [1]}})\n"
    assert row_of(tmp_path, code, {}) == {"x": 1}


def test_a_key_that_is_no_input_is_named_with_its_line(tmp_path: Path) -> None:
    code = f"{IMPORTS}@model(deps=['a', 'b'])\ndef m(frames):\n    return frames['aa']\n"
    with pytest.raises(ModelError) as caught:
        row_of(tmp_path, code)
    assert (
        str(caught.value)
        == "models/m.ff.py:7: 'aa' is not an input of this model [FFT-410]\n    hint: Did you mean 'a'?"
    )


def test_helpers_name_relations() -> None:
    assert (relation_for("users.ff"), source("crm", "users")) == ("users", "crm.users")


def test_constants_of_the_file_are_understood_in_the_decorator(tmp_path: Path) -> None:
    code = f"""{IMPORTS}
A = "a"
DEPS: list[str] = [A, "b.ff"]
@model("m", DEPS, requires={{A: {{"x"}}, "b.ff": ["y"]}}, tags=("t",))
def anything(one, two):
    return one.assign(y=two["y"])
"""
    assert row_of(tmp_path, code) == {"x": 1, "s": "one", "y": 2}


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    code = f"\ufeff{IMPORTS}import helpers\n@model\ndef m():\n    return pd.DataFrame({{'x': [helpers.ONE]}})\n"
    assert row_of(tmp_path, code, {"helpers.py": "\ufeffONE = 1\n"}) == {"x": 1}


# required columns


@pytest.mark.parametrize("requires", ["{'a.ff': {'x', 'z', 'w'}}", "{'a': ['w', 'x', 'z']}", "['w', 'z']"])
def test_missing_columns_are_named_before_the_function_is_called(tmp_path: Path, requires: str) -> None:
    code = f"{IMPORTS}@model(deps=['a'], requires={requires})\ndef m(a):\n    raise SystemExit\n"
    with pytest.raises(RequiredColumnsError) as caught:
        row_of(tmp_path, code)
    assert str(caught.value) == "models/m.ff.py:6: model 'm' requires 'w', 'z' of 'a', which has 'x', 's' [FFT-412]"


def test_a_near_column_is_a_hint(tmp_path: Path) -> None:
    files = {**INPUTS, "models/a.ff.sql": "select 1 as amount, 2 as id"}
    code = f"{IMPORTS}@model(deps=['a'], requires=['amuont'])\ndef m(a):\n    return a\n"
    with pytest.raises(RequiredColumnsError, match=r"hint: Did you mean 'amount'\?"):
        row_of(tmp_path, code, files)


# types

SQL_TYPES = {
    "i": ("bigint", "1", "BIGINT"),
    "j": ("integer", "1", "INTEGER"),
    "u": ("utinyint", "1", "UTINYINT"),
    "b": ("boolean", "true", "BOOLEAN"),
    "d": ("date", "date '2024-02-29'", "DATE"),
    "t": ("timestamp", "timestamp '2024-02-29 12:34:56.789'", "TIMESTAMP"),
    "z": ("timestamptz", "timestamptz '2024-02-29 12:34:56+00'", "TIMESTAMP WITH TIME ZONE"),
    "h": ("time", "time '12:34:56'", "TIME"),
    "s": ("varchar", "'text'", "VARCHAR"),
    "f": ("double", "1.5", "DOUBLE"),
    "r": ("float", "1.5", "FLOAT"),
    "n": ("decimal(10, 2)", "1.25", "DOUBLE"),
    "l": ("integer[]", "[1, 2]", "INTEGER[]"),
    "o": ("struct(a integer, b varchar)", "{'a': 1, 'b': 'x'}", "STRUCT(a INTEGER, b VARCHAR)"),
    "y": ("blob", "'\\x00'::blob", "BLOB"),
}


def selected(*, values: bool) -> str:
    return ", ".join(f"cast({v if values else 'null'} as {kind}) as {name}" for name, (kind, v, _) in SQL_TYPES.items())


@pytest.mark.parametrize("frame", ["pd.DataFrame", "pl.DataFrame", "pa.Table"])
@pytest.mark.parametrize(
    "rows",
    [
        f"select {selected(values=True)}",
        f"select {selected(values=True)} union all select {selected(values=False)}",
        f"select {selected(values=False)}",
        f"select {selected(values=True)} where false",
    ],
    ids=["values", "values and NULL", "only NULL", "no rows"],
)
def test_types_survive_a_round_trip(tmp_path: Path, rows: str, frame: str) -> None:
    code = f"{IMPORTS}@model(deps=['a'])\ndef m(a: {frame}):\n    return a\n"
    with opened(tmp_path, {"models/a.ff.sql": rows, "models/m.ff.py": code}) as shop:
        shop.build()
        expected = {name: kind for name, (_, _, kind) in SQL_TYPES.items()}
        found = shop.types("m")
        if frame == "pd.DataFrame":  # has no types of its own for these: they come back by their values
            found.update({name: expected[name] for name in ("h", "l", "o", "y")})
        else:
            expected["n"] = "DECIMAL(10,2)"
        assert found == expected
        different = "select * exclude (h, l, o, y) from (select * from {} except all select * from {})"
        assert shop.rows(different.format("a", "m")) == shop.rows(different.format("m", "a")) == []


def test_types_that_pandas_makes(tmp_path: Path) -> None:
    code = f"""{IMPORTS}
@model
def m():
    return pd.DataFrame({{
        "parsed": pd.to_datetime(["2024-01-01 10:00"]),
        "aware": pd.to_datetime(["2024-01-01 10:00"], utc=True).tz_convert("Europe/Vienna"),
        "category": pd.Categorical(["a"]),
        "text": ["a"],
        "nothing": [None],
        "whole": [1],
    }}, index=[17])
"""
    with opened(tmp_path, {"models/m.ff.py": code}) as shop:
        shop.build()
        types = shop.types("m")
        assert types.pop("category").startswith(("VARCHAR", "ENUM"))
        assert types == {
            "parsed": "TIMESTAMP",
            "aware": "TIMESTAMP WITH TIME ZONE",
            "text": "VARCHAR",
            "nothing": "VARCHAR",
            "whole": "BIGINT",
        }


# imports


def test_modules_of_the_project_are_imported_from_the_root_and_from_models(tmp_path: Path) -> None:
    files = {
        "helpers.py": "from shared.numbers import ONE\ndef one(): return ONE\n",
        "shared/numbers.py": "ONE = 1\n",
        "models/cleaning/__init__.py": "",
        "models/cleaning/text.py": "from . import words\nimport helpers\n"
        "def two(): return words.TWO + helpers.one() - 1\n",
        "models/cleaning/words.py": "TWO = 2\n",
        "models/late.py": "THREE = 3\n",
        "models/deep/m.ff.py": f"""{IMPORTS}
import cleaning.text
from cleaning.text import two
from cleaning import words as w
import helpers as h

@model
def m():
    import late
    from shared import numbers
    assert cleaning.text.two() == two() == w.TWO
    return pd.DataFrame({{"x": [h.one()], "y": [two()], "z": [late.THREE], "n": [numbers.ONE]}})
""",
    }
    before, path = set(sys.modules), list(sys.path)
    with opened(tmp_path, files) as shop:
        shop.build()
        assert shop.rows("select * from m") == [(1, 2, 3, 1)]
    assert {name for name in set(sys.modules) - before if not name.startswith("_fft_project_")} & {
        "helpers",
        "shared",
        "cleaning",
        "late",
        "cleaning.text",
    } == set()
    assert sys.path == path
    assert not list(tmp_path.rglob("__pycache__"))


def test_two_projects_with_the_same_module_names_do_not_mix(tmp_path: Path) -> None:
    def files(name: str) -> Files:
        body = "    import later\n    return pd.DataFrame({'x': [helpers.NAME + later.NAME]})\n"
        code = f"{IMPORTS}import helpers\n@model\ndef m():\n{body}"
        return {"helpers.py": f"NAME = '{name}'\n", "later.py": f"NAME = '{name}!'\n", "models/m.ff.py": code}

    with opened(tmp_path / "a", files("a")) as a, opened(tmp_path / "b", files("b")) as b:
        for shop, expected in ((a, "aa!"), (b, "bb!"), (a, "aa!")):
            shop.build()
            assert shop.rows("select x from m") == [(expected,)]


def test_a_folder_of_the_project_does_not_hide_an_installed_package(tmp_path: Path) -> None:
    code = "import polars\nfrom fft_core import model\n@model\ndef m(): return polars.DataFrame({'x': [1]})\n"
    assert row_of(tmp_path, code, {"polars/notes.txt": "no module"}) == {"x": 1}


def test_imports_inside_functions_work_in_threads(tmp_path: Path) -> None:
    code = "@model\ndef m():\n    import helpers\n    return pd.DataFrame({'x': [helpers.X]})\n"
    files = {f"models/m{i}.ff.py": IMPORTS + code for i in range(6)}
    with opened(tmp_path, {"helpers.py": "import time; time.sleep(0.05); X = 5\n", **files}) as shop:
        from fft_core.run.turn import build_model

        failures: list[BaseException] = []

        def build(name: str) -> None:
            try:
                with shop.warehouse.session() as session:
                    build_model(session, shop.project.model(name))
            except BaseException as error:  # noqa: BLE001 - reported below
                failures.append(error)

        threads = [threading.Thread(target=build, args=(f"m{i}",)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert shop.rows(" union all ".join(f"select x from m{i}" for i in range(6))) == [(5,)] * 6


# errors of the user's code


def test_an_exception_shows_the_users_own_frames(tmp_path: Path) -> None:
    files = {
        "helpers.py": "def deeper(df):\n    return df['nope']\n",
        "models/a.ff.sql": "select 1 as x",
        "models/m.ff.py": f"{IMPORTS}import helpers\n\n@model(deps=['a'])\ndef m(a):\n    return helpers.deeper(a)\n",
    }
    with opened(tmp_path, files) as shop, pytest.raises(ModelError) as caught:
        shop.build()
    assert str(caught.value) == (
        "helpers.py:2: model 'm' raised KeyError: 'nope' [FFT-411]\n"
        "    models/m.ff.py:9 in m: return helpers.deeper(a)\n"
        "    helpers.py:2 in deeper: return df['nope']"
    )
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    assert cause.__traceback__ is not None
    assert cause.__traceback__.tb_frame.f_code.co_filename == str(tmp_path.resolve() / "models" / "m.ff.py")


def test_folders_with_spaces_and_colons_are_named_as_they_are(tmp_path: Path) -> None:
    text = f"{IMPORTS}@model(name='bad')\ndef bad():\n    raise ValueError('boom')\n"
    files = {"models/my models: old/bad one.ff.py": text}
    with opened(tmp_path, files) as shop, pytest.raises(ModelError) as caught:
        shop.build()
    line = "models/my models: old/bad one.ff.py:7"
    assert str(caught.value) == (
        f"{line}: model 'bad' raised ValueError: boom [FFT-411]\n    {line} in bad: raise ValueError('boom')"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "class E(Exception):\n        __str__ = lambda s: 'c' + s.code\n    raise E",
            "E: <E that cannot be shown>",
        ),
        ("class Stop(BaseException): pass\n    raise Stop('now')", "Stop: now"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_whatever_a_model_raises_is_the_models(tmp_path: Path, body: str, said: str) -> None:
    files = {"models/m.ff.py": f"{IMPORTS}@model()\ndef m():\n    {body}\n"}
    with opened(tmp_path, files) as shop, pytest.raises(ModelError, match=r"models/m\.ff\.py") as caught:
        shop.build()
    assert f"model 'm' raised {said} [FFT-411]\n" in str(caught.value)


def test_a_keyboard_interrupt_is_the_models_in_a_thread_of_a_step_and_else_ctrl_c(tmp_path: Path) -> None:
    files = {"models/m.ff.py": f"{IMPORTS}@model()\ndef m():\n    raise KeyboardInterrupt\n"}
    with opened(tmp_path, files) as shop:
        with pytest.raises(KeyboardInterrupt):
            shop.build()
        with ThreadPoolExecutor(1) as threads, pytest.raises(ModelError, match="raised KeyboardInterrupt"):
            threads.submit(shop.build).result()


def test_a_recursion_is_shown_by_its_ends(tmp_path: Path) -> None:
    files = {"models/m.ff.py": f"{IMPORTS}def f(n):\n    return f(n + 1)\n\n@model()\ndef m():\n    return f(0)\n"}
    with opened(tmp_path, files) as shop, pytest.raises(ModelError, match="RecursionError") as caught:
        shop.build()
    assert len(str(caught.value).splitlines()) < 20
    assert " more ..." in str(caught.value)


def test_packages_installed_below_the_project_are_not_the_users_own(tmp_path: Path) -> None:
    package = "env/lib/python3/site-packages/thirdparty"
    files = {
        f"{package}/__init__.py": "def fails():\n    raise ValueError('inside')\n",
        "models/m.ff.py": f"{IMPORTS}import sys\n@model\ndef m():\n"
        f"    sys.path.append({str(tmp_path / package / '..')!r})\n"
        "    import thirdparty\n    sys.path.pop()\n    thirdparty.fails()\n",
    }
    with opened(tmp_path, files) as shop, pytest.raises(ModelError) as caught:
        shop.build()
    sys.modules.pop("thirdparty", None)
    assert str(caught.value) == (
        "models/m.ff.py:11: model 'm' raised ValueError: inside [FFT-411]\n    models/m.ff.py:11 in m: "
        "thirdparty.fails()"
    )


def test_an_exception_while_a_file_is_imported(tmp_path: Path) -> None:
    files = {"models/m.ff.py": f"{IMPORTS}\nimport not_there\n@model\ndef m(): ...\n"}
    with opened(tmp_path, files) as shop, pytest.raises(ModelError) as caught:
        shop.build()
    assert str(caught.value) == (
        "models/m.ff.py:6: model 'm' raised ModuleNotFoundError: No module named 'not_there' [FFT-411]\n"
        "    models/m.ff.py:6 in <module>: import not_there\n"
        "    hint: Install the package that has 'not_there' for the Python that runs fft, or correct the import."
    )


def test_a_model_that_exits_does_not_end_the_process(tmp_path: Path) -> None:
    files = {"models/m.ff.py": f"{IMPORTS}@model\ndef m():\n    raise SystemExit(3)\n"}
    with opened(tmp_path, files) as shop, pytest.raises(ModelError, match="model 'm' raised SystemExit: 3"):
        shop.build()


def test_the_environment_of_the_process_is_left_alone(tmp_path: Path) -> None:
    before = dict(os.environ)
    row_of(tmp_path, f"{IMPORTS}@model\ndef m():\n    return pd.DataFrame({{'x': [1]}})\n", {".env": "SHOP=1\n"})
    assert {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"} == {
        k: v for k, v in before.items() if k != "PYTEST_CURRENT_TEST"
    }
