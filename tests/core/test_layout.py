"""The directions in which modules may import each other, and what an import pulls in."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("fft_core", "fft_cli", "fft_dagster", "fft_prefect", "fft_pytest", "fft_serve")
# Every room may import these, and itself.
GROUND = ("errors", "error_codes", "names", "version", "json_files")
# a room of fft_core -> what else it may import; see docs/development/architecture.md
ROOMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GROUND, ()),
    "engines": (),
    "plan": (),
    "frames": (),
    "project": ("engines.spec",),
    "compile": ("project", "plan", "frames", "engines.spec"),
    "checks": ("project.model", "engines", "compile"),
    "warehouse": ("compile", "project", "plan.records", "engines"),
    "streaming": ("frames", "engines"),
    "build": ("warehouse", "checks", "compile", "plan", "frames", "engines", "project.model", "streaming"),
    "run": ("build", "warehouse", "checks", "compile", "plan", "project", "engines", "http"),
    "unit_tests": ("build", "warehouse", "checks", "compile", "plan", "frames", "project", "engines"),
    "operations": ("build", "warehouse", "checks", "compile", "plan", "frames", "project", "engines"),
    "http": ("frames",),
    "compat": ("project", "http", "run", "build", "reports"),
    "reports": (
        "operations", "unit_tests", "run", "build", "warehouse", "checks", "compile", "plan", "frames", "project",
        "engines",
    ),
    "engine_check": ("run", "project", "engines"),
    "testing": ("engine_check", "run", "build", "checks", "plan", "project", "engines"),
}  # fmt: skip
# a package -> what it may import of ours, and what it never imports of others
FACES = {
    "fft_core": (("fft_core",), ("dagster", "prefect", "click", "rich")),
    "fft_cli": (("fft_core",), ("dagster", "prefect")),
    "fft_dagster": (("fft_core",), ("prefect", "click", "rich")),
    "fft_prefect": (("fft_core",), ("dagster", "prefect._internal", "click", "rich")),
    "fft_serve": (("fft_core",), ("dagster", "prefect", "rich")),
    "fft_pytest": (("fft_core", "fft_cli"), ("dagster", "click", "rich")),  # shows what the command shows
}
TOUCH_DAGSTER_CORE = {
    "fft_dagster.storage.creation",
    "fft_dagster.storage.event_log",
    "fft_dagster.storage.step_seconds",
    "fft_dagster.storage.wal_watchdog",
    "fft_dagster.execution.executor",
    "fft_dagster.celery.launcher",
    "fft_dagster.execution.run_storage",
    "fft_dagster.execution.steps",
    "fft_dagster.execution.unchanged",
    "fft_dagster.storage",
    "fft_dagster.execution.threads",
    "fft_dagster.runs.runs",
}
# These are imported where they are used, so that a project without them does not need them.
DRIVERS = ("duckdb", "psycopg", "pandas", "pyarrow", "polars", "ibis", "narwhals")


def module_files() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = module_files()


def imports(statements: list[ast.stmt], *, inside_functions: bool) -> Iterator[str]:
    """The modules that statements import, those under `if TYPE_CHECKING` left out."""
    for statement in statements:
        match statement:
            case ast.Import():
                yield from (alias.name for alias in statement.names)
            case ast.ImportFrom(level=0, module=str(module)):
                for alias in statement.names:
                    full = f"{module}.{alias.name}"
                    yield full if full in MODULES else module
            case ast.ImportFrom():
                raise AssertionError(f"relative import at line {statement.lineno}")
            case ast.If() if "TYPE_CHECKING" in ast.dump(statement.test):
                yield from imports(statement.orelse, inside_functions=inside_functions)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not inside_functions:
                pass
            case _:
                for field in ("body", "orelse", "finalbody", "handlers"):
                    inner = [
                        part
                        for child in getattr(statement, field, [])
                        for part in (child.body if isinstance(child, ast.ExceptHandler) else [child])
                    ]
                    yield from imports(inner, inside_functions=inside_functions)


def imported_by(name: str, *, inside_functions: bool = True) -> set[str]:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    return set(imports(tree.body, inside_functions=inside_functions))


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str:
    return module.split(".")[1]


CORE = [name for name in MODULES if is_in(name, "fft_core") and name != "fft_core"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    may = [f"fft_core.{other}" for other in (room, *GROUND, *ROOMS[room])]
    wrong = [
        f"{name} imports {imported}"
        for name in CORE
        if room_of(name) == room
        for imported in sorted(imported_by(name))
        if is_in(imported, "fft_core") and not any(is_in(imported, other) for other in may)
    ]
    assert wrong == []


def test_every_module_has_a_room() -> None:
    assert {room_of(name) for name in CORE} == set(ROOMS)


@pytest.mark.parametrize("package", FACES)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    may, never = FACES[package]
    wrong = [
        f"{name} imports {imported}"
        for name in MODULES
        if is_in(name, package)
        for imported in sorted(imported_by(name))
        if any(is_in(imported, other) for other in never)
        or (imported.startswith("fft_") and not any(is_in(imported, other) for other in (package, *may)))
    ]
    assert wrong == []


def test_modules_import_each_other_in_one_direction() -> None:
    graph = {name: imported_by(name, inside_functions=False) & MODULES.keys() - {name} for name in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_few_modules_touch_the_insides_of_dagster() -> None:
    touching = {name for name in MODULES for imported in imported_by(name) if is_in(imported, "dagster._core")}
    assert touching <= TOUCH_DAGSTER_CORE


def test_pydantic_stays_where_yaml_comes_in() -> None:
    users = {name for name in MODULES for imported in imported_by(name) if is_in(imported, "pydantic")}
    elsewhere = {name for name in users if not is_in(name, "fft_core.project.shapes")}
    assert elsewhere == {"fft_core.project.read.yaml_file", "fft_serve.settings"}


def test_only_its_own_driver_imports_duckdb() -> None:
    users = {name for name in MODULES for imported in imported_by(name) if is_in(imported, "duckdb")}
    assert users == {
        f"fft_core.engines.{name}"
        for name in (
            "duckdb.session",
            "duckdb.attached",
            "duckdb.file",
            "duckdb.frames",
            "duckdb.reading",
            "duckdb.values",
        )
    }


def test_only_its_own_driver_imports_psycopg() -> None:
    users = {name for name in MODULES for imported in imported_by(name) if is_in(imported, "psycopg")}
    assert {name for name in users if not is_in(name, "fft_core.engines.postgres")} == set()


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import fft_core", (*DRIVERS, "dagster")),
        ("import fft_dagster", (*DRIVERS, "dagster")),
        ("import fft_prefect", (*DRIVERS, "prefect")),
        ("import fft_cli", (*DRIVERS, "dagster")),
        ("import fft_serve", (*DRIVERS, "dagster", "fastapi", "starlette", "uvicorn")),
        (
            "from fft_core import Run",
            (*DRIVERS, "dagster", "fft_core.run.turn", "fft_core.build.publish", "fft_core.build.increment"),
        ),
    ],
)
def test_an_import_is_cheap(statement: str, absent: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print(sorted(set({absent!r}) & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert finished.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["fft_core", "fft_dagster", "fft_prefect", "fft_serve"])
def test_every_public_name_is_there(package: str) -> None:
    module = __import__(package)
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_type_checkers_are_told_of_the_same_public_names_of_dagster() -> None:
    """Those of the core are in a stub: see tests/core/test_public_api.py."""
    import fft_dagster

    tree = ast.parse(MODULES["fft_dagster"].read_text(encoding="utf-8"))
    (block,) = [part for part in tree.body if isinstance(part, ast.If)]
    told = {
        alias.asname: f"{statement.module}.{alias.name}"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert told == {name: f"fft_dagster.{home}.{name}" for name, home in fft_dagster._HOMES.items()}


def test_rules_are_asked_what_they_read() -> None:
    """Not what they are: a rule of another kind may read other tables, too."""
    asked = re.compile(r"isinstance\([^)]*\brule\b[^)]*Relationships")
    assert {name for name, path in MODULES.items() if asked.search(path.read_text(encoding="utf-8"))} == set()


def test_one_module_lays_out_columns() -> None:
    """Letters of some languages take two places, and styles take none: `fft_cli.cells` knows."""
    own_way = re.compile(r":[<>]?\{[\w.\[\]]*width|\.[lr]just\(\w*width")
    found = {name for name, path in MODULES.items() if is_in(name, "fft_cli") and own_way.search(path.read_text())}
    assert found == set()


def test_one_module_knows_what_a_space_and_a_comma_mean() -> None:
    own_way = re.compile(r"(expression|part|term|select\w*)\.split\(")
    assert {name for name, path in MODULES.items() if own_way.search(path.read_text())} == {
        "fft_core.project.model.selection"
    }


def test_commands_take_values_of_known_types() -> None:
    """Not whatever click has read: `option_values` makes values of it."""
    commands = {name: path.read_text() for name, path in MODULES.items() if is_in(name, "fft_cli")}
    anything = {name for name, text in commands.items() if re.search(r"\*\*\w+: Any", text)}
    assert anything <= {f"fft_cli.{name}" for name in ("option_values", "lines", "terminal")}


def test_few_modules_start_processes() -> None:
    users = {name for name in MODULES if is_in(name, "fft_core") and "subprocess" in imported_by(name)}
    assert users == {
        "fft_core.engine_check.children",
        "fft_core.operations.supervised",
        "fft_core.project.packages.git",
        "fft_core.project.python.evaluate",
    }


def test_one_module_replaces_files() -> None:
    assert {name for name in imported_by("fft_core.json_files") if is_in(name, "fft_core")} == {
        "fft_core.errors",
        "fft_core.names.text",
    }
    own_way = re.compile(
        r"NamedTemporaryFile|mkstemp|os\.(replace|rename)\b|\.replace\((path|target)\)|\.write_(text|bytes)\("
    )
    found = {name for name, path in MODULES.items() if own_way.search(path.read_text(encoding="utf-8"))}
    # one writes into a folder that nobody else sees, one is called by `make docs`
    assert found == {"fft_core.json_files", "fft_core.run.select.changed"}


def test_only_one_module_prints() -> None:
    """What others wrote must not act on a terminal, and secrets must not reach it: `fft_cli.terminal` sees to both."""
    printing = {
        name
        for name, path in MODULES.items()
        if not is_in(name, "fft_core") and re.search(r"click\.(echo|secho|style)\b|(?<!\.)\bprint\(", path.read_text())
    }
    assert printing == {"fft_cli.terminal"}
