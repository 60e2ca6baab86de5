"""Rows that change by themselves are reused for as long as a model says."""

from __future__ import annotations

from pathlib import Path

import pytest
from skip_helpers import built, place

from fft_core import ProjectError

NOW = "select now() as at"


@pytest.mark.parametrize("said", ["'90m'", "5400", "'1.5 h'"])
def test_rows_are_reused_until_their_time_is_over(tmp_path: Path, said: str) -> None:
    made = built(tmp_path, {"models/m.ff.sql": f"{{{{ config(ttl={said}) }}}} {NOW}", "models/n.ff.sql": NOW})
    assert made.due() == {"n": ["volatile"]}
    made.sql("update _ff_meta set built_at = built_at - interval '89 minutes'")
    assert set(made.due()) == {"n"}
    made.sql("update _ff_meta set built_at = built_at - interval '2 minutes'")
    assert made.due() == {"m": ["volatile"], "n": ["volatile"]}


def test_a_change_counts_all_the_same(tmp_path: Path) -> None:
    made = built(tmp_path, {"models/m.ff.sql": f"{{{{ config(ttl='1d') }}}} {NOW}"})
    assert made.due() == {}
    made.write({"models/m.ff.sql": f"{{{{ config(ttl='1d') }}}} {NOW}, 1 as n"})
    assert made.due() == {"m": ["code_changed"]}


def test_so_it_is_in_a_decorator(tmp_path: Path) -> None:
    code = "import time\nimport pandas as pd\nfrom fft_core import model\n\n"
    code += "@model(name='m', ttl='1h')\ndef m():\n    return pd.DataFrame({'at': [time.time()]})\n"
    made = built(tmp_path, {"models/m.ff.py": code})
    assert made.due() == {}


@pytest.mark.parametrize("said", ["'soon'", "'90'", "0", "-5"])
def test_what_is_no_time_is_an_error(tmp_path: Path, said: str) -> None:
    with pytest.raises(ProjectError, match="ttl"):
        place(tmp_path, {"models/m.ff.sql": f"{{{{ config(ttl={said}) }}}} {NOW}"}).plan()
