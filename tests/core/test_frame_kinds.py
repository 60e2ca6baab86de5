"""Which frame a Python model is given: the type that an annotation stands for says it, and not its text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from written_projects import loaded, opened, problems

from fft_core import FftError, ModelError
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind, frame_type_of, kind_of
from fft_core.errors import Problem
from fft_core.frames.kinds import READERS
from fft_core.project.read.parse import Reading, python_drafts
from fft_core.project.read.scope import Scope

HEAD = "from fft_core import model\n"
NATIVE = FrameKind("native", "snowflake.snowpark", "DataFrame", is_lazy=True, is_native=True)
FILES = {"models/a.ff.sql": "select 1 as x"}


def frames(code: str, folder: Path) -> tuple[str, ...]:
    """Load a project with a model m that reads `a`; give the kinds of its frames. Nothing of the code runs."""
    body = loaded(folder, {**FILES, "models/m.ff.py": HEAD + code}).models["m"].body
    found: tuple[str, ...] = getattr(body, "frames")  # noqa: B009 - it is a Python model
    return found


def m(annotation: str, deps: str = "'a'") -> str:
    return f"@model(deps=[{deps}])\ndef m(frame: {annotation}):\n    return frame\n"


RESOLVED: Mapping[str, tuple[str, str]] = {
    "an alias of the module": ("import polars as pd\n" + m("pd.DataFrame"), "polars"),
    "another alias": ("import polars as frames\n" + m("frames.LazyFrame"), "polars_lazy"),
    "an imported name": ("from polars import LazyFrame as DataFrame\n" + m("DataFrame"), "polars_lazy"),
    "a module in a package": ("import polars.dataframe.frame as f\n" + m("f.DataFrame"), "polars"),
    "a whole module": ("import polars\n" + m("polars.DataFrame"), "polars"),
    "a star": ("from polars import *\n" + m("DataFrame"), "polars"),
    "pandas by another name": ("import pandas as polars\n" + m("polars.DataFrame"), "pandas"),
    "for type checkers": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pyarrow as pl\n" + m("'pl.Table'"),
        "arrow",
    ),
    "if it can be imported": (
        "try:\n    import polars as pl\nexcept ImportError:\n    pl = None\n" + m("pl.DataFrame"),
        "polars",
    ),
    "a text": ("import polars as pl\n" + m("'pl.DataFrame'"), "polars"),
    "a text inside": ("import polars as pl\n" + m("dict[str, 'pl.DataFrame']"), "polars"),
    "a text of several": ("import polars as pl\n" + m("'dict[str, pl.LazyFrame] | None'"), "polars_lazy"),
    "an alias of the type": ("import polars as pl\nFrame = pl.DataFrame\n" + m("Frame"), "polars"),
    "an alias of an alias": ("import polars as pl\nA = pl.LazyFrame\nB = A | None\n" + m("B"), "polars_lazy"),
    "a declared alias": (
        "from typing import TypeAlias\nimport polars as pl\nFrames: TypeAlias = 'dict[str, pl.DataFrame]'\n"
        + m("Frames"),
        "polars",
    ),
    "an alias below": ("import polars as pl\n" + m("'Frame'") + "\nFrame = pl.DataFrame\n", "polars"),
    "optional": ("from typing import Optional\nimport polars as pl\n" + m("Optional[pl.DataFrame]"), "polars"),
    "a union with None": ("import polars as pl\n" + m("None | pl.DataFrame"), "polars"),
    "typing's union": ("import typing as t\nimport pyarrow\n" + m("t.Union[pyarrow.Table, None]"), "arrow"),
    "annotated": (
        "from typing_extensions import Annotated\nimport polars as pl\n" + m("Annotated[pl.DataFrame, 'pd.DataFrame']"),
        "polars",
    ),
    "a mapping": (
        "from collections.abc import Mapping\nimport polars as pl\n" + m("Mapping[str, pl.DataFrame]"),
        "polars",
    ),
    "typing's dict": ("import typing\nimport polars\n" + m("typing.Dict[str, polars.DataFrame]"), "polars"),
    "a new type": (
        "from typing import NewType\nimport polars as pl\nUsers = NewType('Users', pl.DataFrame)\n" + m("Users"),
        "polars",
    ),
    "a type variable": (
        "from typing import TypeVar\nimport polars as pl\nF = TypeVar('F', bound=pl.DataFrame)\n" + m("F"),
        "polars",
    ),
    "from the future": ("from __future__ import annotations\nimport polars as pl\n" + m("pl.DataFrame"), "polars"),
    "narwhals": ("import narwhals as nw\n" + m("nw.DataFrame"), "narwhals"),
    "narwhals, stable": ("import narwhals.stable.v1 as nw\n" + m("nw.DataFrame"), "narwhals"),
    "Ibis": ("import ibis\n" + m("ibis.Table"), "ibis"),
    "Ibis by its types": ("import ibis.expr.types as ir\n" + m("ir.Table"), "ibis"),
    "Ibis from its types": ("from ibis.expr.types import Table\n" + m("Table"), "ibis"),
    "no annotation": ("@model(deps=['a'])\ndef m(frame):\n    return frame\n", "pandas"),
    "anything": ("from typing import Any\n" + m("Any"), "pandas"),
    "a bare dict": (m("dict"), "pandas"),
    "a dict of anything": ("from typing import Any\n" + m("dict[str, Any]"), "pandas"),
}


@pytest.mark.parametrize("how", RESOLVED)
def test_the_type_is_found_through_the_imports_of_the_file(tmp_path: Path, how: str) -> None:
    code, kind = RESOLVED[how]
    future = "from __future__ import annotations\n"
    code = code.replace(future, "")
    assert frames(code, tmp_path) == (kind,)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 has no `type` statement")
def test_a_type_statement_is_an_alias(tmp_path: Path) -> None:
    assert frames("import polars as pl\ntype Frame = pl.DataFrame | None\n" + m("Frame"), tmp_path) == ("polars",)


def test_each_parameter_has_its_own(tmp_path: Path) -> None:
    files = {"models/b.ff.sql": "select 1 as x", "models/c.ff.sql": "select 1 as x"}
    code = (
        "import polars as pl, pyarrow as pa\n@model(deps=['a', 'b', 'c', 'a.ff'])\n"
        "def m(first, second: pl.DataFrame, *others: pa.Table): ...\n"
    )
    body: Any = loaded(tmp_path, {**FILES, **files, "models/m.ff.py": HEAD + code}).models["m"].body
    assert body.frames == ("pandas", "polars", "arrow")


def test_no_code_of_the_user_runs_at_load(tmp_path: Path) -> None:
    code = "import polars as pl\nraise SystemExit('it ran')\n" + m("pl.DataFrame")
    assert frames(code, tmp_path) == ("polars",)


UNOWNED: Mapping[str, tuple[str, str, str]] = {
    "Spark": ("import pyspark.sql\n", "pyspark.sql.DataFrame", "pyspark.sql.DataFrame is not a type of frame"),
    "Spark, imported": ("from pyspark.sql import DataFrame\n", "DataFrame", "pyspark.sql.DataFrame is not a type"),
    "Snowpark": ("import snowflake.snowpark as sp\n", "sp.DataFrame", "snowflake.snowpark.DataFrame is not a type"),
    "narwhals, lazy": ("import narwhals as nw\n", "nw.LazyFrame", "narwhals.LazyFrame is not a type"),
    "a class of the file": ("class Users: ...\n", "Users", "Users is not a type of frame"),
    "a module of the project": ("from helpers import Frame\n", "Frame", "helpers.Frame is not a type of frame"),
    "nothing": ("", "DataFrame", "DataFrame is not a type of frame"),
    "a list": ("import pandas as pd\n", "list[pd.DataFrame]", "builtins.list is not a type of frame"),
    "a Series": ("import pandas as pd\n", "pd.Series", "pandas.Series is not a type of frame"),
    "one of two": ("import pandas as pd\n", "pd.DataFrame | int", "builtins.int is not a type of frame"),
    "two kinds": (
        "import pandas as pd, polars as pl\n",
        "pd.DataFrame | pl.DataFrame",
        "pandas.DataFrame and polars.DataFrame are two kinds",
    ),
    "no expression": ("", "'pl DataFrame'", "pl DataFrame is not a type of frame"),
}


@pytest.mark.parametrize("what", UNOWNED)
def test_what_nobody_owns_is_an_error_at_load(tmp_path: Path, what: str) -> None:
    imports, annotation, said = UNOWNED[what]
    (found,) = problems(tmp_path, {**FILES, "models/m.ff.py": f"{HEAD}{imports}{m(annotation)}"})
    line = 3 + imports.count("\n")
    assert found.startswith(f"models/m.ff.py:{line}: m(frame: {annotation.strip(chr(39))}): ")
    assert said in found
    if what != "two kinds":
        for kind in LIBRARY_FRAMES:
            assert kind.type_name in found


def test_the_nearest_is_named(tmp_path: Path) -> None:
    code = "import polars as pl\n" + m("pl.Dataframe")
    (found,) = problems(tmp_path, {**FILES, "models/m.ff.py": HEAD + code})
    assert "Did you mean 'polars.DataFrame'" in found


def test_a_parameter_that_is_given_no_frame_may_have_any_type(tmp_path: Path) -> None:
    code = "@model(deps=['a'])\ndef m(frame, limit: int = 3):\n    return frame\n"
    assert frames(code, tmp_path) == ("pandas",)
    code = "@model\ndef m(nothing: object):\n    import pandas as pd\n    return pd.DataFrame({'x': [1]})\n"
    assert frames(code, tmp_path) == ()


def test_frames_of_every_library_can_be_read() -> None:
    assert list(READERS) == [kind.name for kind in LIBRARY_FRAMES if not kind.is_native]


def test_the_frame_of_another_engine_beside_one_of_ours_is_not_given(tmp_path: Path) -> None:
    assert kind_of(["pyspark.sql.dataframe.DataFrame", "polars.DataFrame"]).name == "polars"


def test_an_engine_can_add_kinds() -> None:
    kinds = (NATIVE, *LIBRARY_FRAMES)
    assert kind_of(["snowflake.snowpark.DataFrame"], kinds).name == "native"
    assert kind_of([], kinds).name == "pandas"
    code = "import snowflake.snowpark as sp\nfrom fft_core import model\n" + m("sp.DataFrame")
    found = list[Problem]()
    (draft,) = python_drafts(code, Path("models/m.ff.py"), Reading(found, Scope("any", {}), kinds=kinds))
    body: Any = draft.alone(found).body
    assert (body.frames, found) == (("native",), [])


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (pd.DataFrame, "pandas"),
        (pl.DataFrame, "polars"),
        (pl.LazyFrame, "polars_lazy"),
        (pa.Table, "arrow"),
        (nw.DataFrame, "narwhals"),
        (nw.DataFrame[Any], "narwhals"),
        (Optional[pl.DataFrame], "polars"),  # noqa: UP045 - as many write it
        (pl.DataFrame | None, "polars"),
        (Annotated[pl.DataFrame, pd.DataFrame], "polars"),
        (dict[str, pa.Table], "arrow"),
        (Mapping[str, pa.Table], "arrow"),
        ("polars.DataFrame", "polars"),
        (None, "pandas"),
        (Any, "pandas"),
        (dict, "pandas"),
    ],
)
def test_a_type_of_the_running_program(annotation: object, kind: str) -> None:
    """As of an input of a Dagster asset, which is loaded by the IO manager."""
    assert frame_type_of(annotation) == kind


@pytest.mark.parametrize("annotation", [nw.LazyFrame, pd.Series, int, list[pd.DataFrame], "pl.DataFrame"])
def test_a_type_of_the_running_program_that_nobody_owns(annotation: object) -> None:
    with pytest.raises(ModelError, match="is not a type of frame that a model can take"):
        frame_type_of(annotation)


def test_narwhals_frames_are_given_and_taken(tmp_path: Path) -> None:
    code = (
        "import narwhals as nw\n@model(deps=['a'])\ndef m(a: nw.DataFrame) -> nw.DataFrame:\n"
        "    assert type(a).__name__ == 'DataFrame' and 'narwhals' in type(a).__module__\n"
        "    return a.with_columns(y=nw.col('x') + 1)\n"
    )
    with opened(tmp_path, {**FILES, "models/m.ff.py": HEAD + code}) as shop:
        shop.build()
        assert shop.rows("select x, y from m") == [(1, 2)]


def test_ibis_tables_cannot_be_made_of_rows() -> None:
    from fft_core import from_arrow

    with pytest.raises(FftError, match=r"an ibis\.Table is a query and cannot be created"):
        from_arrow(pa.table({"x": [1]}), "ibis")
    with pytest.raises(FftError, match="'panda' is not a kind of frame"):
        from_arrow(pa.table({"x": [1]}), "panda")
