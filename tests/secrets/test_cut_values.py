"""A secret that is cut, by a message or by who writes it in pieces, is masked all the same."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from fft_core import FftError, load_project, make_plan, open_warehouse
from fft_core.engines.spec.masking import Masker
from fft_core.run.output_guard import OutputGuard

VALUE = "h'T7wQz9LmR4xKc2V"


@pytest.mark.parametrize("length", [0, 7, 19, 23, 40])
@pytest.mark.parametrize("quote", ["'", '"', "/*"])
def test_a_query_that_ends_in_a_secrets_quote(tmp_path: Path, length: int, quote: str) -> None:
    value = VALUE.replace("'", quote)
    (tmp_path / "models").mkdir()
    (tmp_path / "project.yml").write_text("name: cut\nversion: '1'\nsecrets: [CRM_KEY]\n")
    (tmp_path / "profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: ':memory:'}}\n")
    text = f"select '{{{{ env(\"CRM_KEY\") }}}}' as k, '{'y' * length}' as z"
    (tmp_path / "models" / "k.ff.sql").write_text(text)
    project = load_project(tmp_path, environment={"CRM_KEY": value})
    with open_warehouse(project) as warehouse:
        said = ""
        try:
            make_plan(warehouse)
            warehouse.compiler.sql(project.model("k"), warehouse.naming)
        except FftError as error:
            said = str(error)
        for end in range(8, len(value) + 1):
            assert value[end - 8 : end] not in said


@pytest.mark.parametrize("at", range(1, len(VALUE)))
def test_a_value_that_is_written_in_pieces(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    with OutputGuard(Masker.of([VALUE])):
        print("login ", end="")
        print(VALUE[:at], end="", flush=True)
        print(VALUE[at:])
        print(*VALUE, sep="")
        print("the end: h", end="")
    assert shown.getvalue() == "login ***\n***\nthe end: h"


def test_the_greater_part_of_a_value(tmp_path: Path) -> None:
    mask = Masker.of([VALUE])
    assert VALUE[5:] not in mask(f"... {VALUE[5:]}' as k")
    assert mask("h'T7 is not enough") == "h'T7 is not enough"
