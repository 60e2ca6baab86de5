"""No engine is named outside of its own folder: whatever differs between engines is asked of their specs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = re.compile(r"(?i)duckdb|postgres|psycopg|libpq|bigquery|snowflake|databricks|spark")
# Each of these is about one engine, and says so; nothing here asks which engine a project has.
ALLOWED = {
    "fft_dagster/__init__.py": "FftDuckDBResource is a public name",
    "fft_dagster/duckdb_resource.py": "a companion of dagster-duckdb",
    "fft_core/project/profile/environment.py": "names of other programs' environment variables that hold credentials",
    "fft_core/compat/__init__.py": "DuckExecutor and PostgresExecutor are names of the original FFT",
    "fft_core/compat/scripts.py": "the same",
    "fft_cli/examples.py": "examples of `fft init --engine`, for its page",
    "fft_core/plan/python_steady.py": "names of Python packages whose calls read what lies outside of a model",
}


def named_engines(code: str) -> Iterator[str]:
    """What names an engine in code: texts, names and imports; docstrings and comments may speak of any."""
    tree = ast.parse(code)
    docstrings = {id(text) for node in ast.walk(tree) if (text := _docstring(node)) is not None}
    for node in ast.walk(tree):
        if id(node) not in docstrings and (found := NAMES.search(_text(node))):
            yield f"{getattr(node, 'lineno', 0)}: {found.group()}"


def _text(node: ast.AST) -> str:
    """The text or name that a node is."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=str(text)) | ast.Attribute(attr=str(text)) | ast.arg(arg=str(text)):
            return text
        case ast.keyword(arg=str(text)) | ast.alias(name=str(text)) | ast.ImportFrom(module=str(text)):
            return text
        case ast.FunctionDef(name=str(text)) | ast.ClassDef(name=str(text)):
            return text
    return ""


def _docstring(node: ast.AST) -> ast.Constant | None:
    """A text that stands alone: of a module, class, function or field."""
    return node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) else None


def files() -> Iterator[Path]:
    for package in ("fft_core", "fft_cli", "fft_dagster", "fft_serve"):
        for path in sorted((ROOT / package).rglob("*.py")):
            folder = path.relative_to(ROOT).parts
            if not (folder[:2] == ("fft_core", "engines") and len(folder) > 3 and folder[2] != "spec"):
                yield path


def test_no_engine_is_named_outside_of_its_folder() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in files()
        if (names := list(named_engines(path.read_text(encoding="utf-8"))))
    }
    assert {path: names for path, names in found.items() if path not in ALLOWED} == {}
    assert set(ALLOWED) == set(found), "an exception that is not needed any more"


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "bigquery", "snowflake", "databricks"])
def test_an_engine_does_not_name_another_one(engine: str) -> None:
    others = {"duckdb", "postgres", "bigquery", "snowflake", "databricks"} - {engine}
    for path in sorted((ROOT / "fft_core" / "engines" / engine).rglob("*.py")):
        named = {name.split(": ")[1].lower() for name in named_engines(path.read_text(encoding="utf-8"))}
        assert not named & others, path


@pytest.mark.parametrize(
    "code",
    [
        'if engine.name == "duckdb": pass',
        "from fft_core.engines.postgres import SPEC",
        "import psycopg",
        "def only_postgres(): pass",
        'x = {"BigQuery": 1}',
        "capabilities.snowflake",
    ],
)
def test_a_name_is_found(code: str) -> None:
    assert list(named_engines(code))


def test_what_is_only_told_is_not_found() -> None:
    assert list(named_engines('"""As on Postgres."""\ndef f():\n    """DuckDB."""\n    return 1  # duckdb\n')) == []
