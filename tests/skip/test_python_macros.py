"""Functions of models/macros_py are part of the models that are made with them, and of no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from skip_helpers import built, place

from fft_core import load_project
from fft_core.compile.identity import project_identities

FILES = {
    "models/macros_py/texts.py": """
from shared import WORD

def word():
    return f"'{WORD}'"

def other():
    return "1"
""",
    "shared.py": "WORD = 'a'\n",
    "models/macros/m.sql": "{% macro by_macro() %}{{ word() }}{% endmacro %}",
    "models/by_name.ff.sql": "select {{ word() }} as x",
    "models/by_macro.ff.sql": "select {{ by_macro() }} as x",
    "models/by_filter.ff.sql": "select {{ 1 | other }} as x",
    "models/inlined.ff.sql": "{{ config(materialized='ephemeral') }} select {{ word() }} as x",
    "models/by_inlined.ff.sql": "select * from {{ ref('inlined') }}",
    "models/without.ff.sql": "select 'word' as word, 1 as other",
}
FILES["models/by_filter.ff.sql"] = "select {{ 'x' | loud }} as x"
FILES["models/macros_py/loud.py"] = "def loud(x):\n    return f\"'{x.upper()}'\"\n"


@pytest.mark.parametrize(
    ("change", "due"),
    [
        ({"shared.py": "WORD = 'b'\n"}, {"by_name", "by_macro", "by_inlined"}),
        ({"models/macros_py/loud.py": "def loud(x):\n    return \"'Y'\"\n"}, {"by_filter"}),
        ({"models/macros_py/loud.py": "def loud(x):\n    # another comment\n    return f\"'{x.upper()}'\"\n"}, set()),
    ],
)
def test_a_change_of_a_function_builds_the_models_that_it_changes(
    tmp_path: Path, change: dict[str, str], due: set[str]
) -> None:
    shop = built(tmp_path, FILES)
    assert shop.due() == {}
    shop.write(change)
    assert set(shop.due()) == due
    shop.build()
    assert shop.due() == {}


def test_what_gives_something_else_each_time_is_volatile(tmp_path: Path) -> None:
    code = "import datetime\ndef now():\n    return datetime.datetime.now().isoformat()\ndef steady():\n    return 1\n"
    models = {"models/a.ff.sql": "select '{{ now() }}' as x", "models/b.ff.sql": "select 1 as x"}
    project = load_project(place(tmp_path, {"models/macros_py/t.py": code, **models}).root, "dev", environment={})
    assert {i.name: i.volatile for i in project_identities(project)} == {"a": ("datetime.datetime.now()",), "b": ()}


def test_a_variable_that_a_function_reads_counts(tmp_path: Path) -> None:
    code = "import os\ndef region():\n    return \"'\" + os.environ.get('REGION', '-') + \"'\"\n"
    files = {"models/macros_py/t.py": code, "models/a.ff.sql": "select {{ region() }} as x"}
    built(tmp_path, files, REGION="eu")
    assert place(tmp_path, {}, REGION="eu").due() == {}
    assert set(place(tmp_path, {}, REGION="us").due()) == {"a"}


def test_the_engine_is_the_same_whoever_says_it(tmp_path: Path) -> None:
    """FF_ENGINE is the profile's engine, set or not: a run with it and one without find nothing changed."""
    code = "import os\nimport pandas as pd\nfrom fft_core import model\n@model\ndef p():\n"
    code += "    return pd.DataFrame({'x': [os.environ['FF_ENGINE']]})\n"
    files = {"models/a.ff.sql": "select '{{ env('FF_ENGINE') }}' as x", "models/p.ff.py": code}
    shop = built(tmp_path, files)
    assert shop.sql("select a.x, p.x from a, p") == [("duckdb", "duckdb")]
    shop.environment["FF_ENGINE"] = "duckdb"
    assert shop.due() == {}


@pytest.mark.parametrize("secrets", ["[]", "[WHEN]"])
def test_a_text_that_a_variable_changes_is_read_anew(tmp_path: Path, secrets: str) -> None:
    """What the text uses is remembered between commands: not for another text."""
    code = "import os\ndef when():\n    return os.environ.get('WHEN', '1')\n"
    project = f"name: skips\nversion: '1'\nsecrets: {secrets}\n"
    files = {"project.yml": project, "models/macros_py/t.py": code, "models/a.ff.sql": "select {{ when() }} as x"}
    assert built(tmp_path, files).due() == {}
    assert built(tmp_path, files, WHEN="random()").due() == {"a": ["volatile"]}
    assert built(tmp_path, files).due() == {}
