"""Workload W in the peers: the same statements and checks as a dbt project, alone and under dagster-dbt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from timing import Cost, cost_of
from workload import LAYER, SEED_ROWS, name, query, ref

DBT = ("dagster-dbt>=0.29", "dbt-core>=1.10,<1.11", "dbt-duckdb>=1.9", "duckdb")
DEFINITIONS = """\
from pathlib import Path
import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

project = DbtProject(project_dir=Path(__file__).parent, profiles_dir=Path(__file__).parent)

@dbt_assets(manifest=project.manifest_path)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
    yield from dbt.cli(["build"], context=context).stream()

defs = dg.Definitions(assets=[models], resources={"dbt": DbtCliResource(project_dir=project)})
"""


SQLMESH = ("sqlmesh>=0.200", "duckdb")
SQLBUILD = ("sqlbuild", "duckdb")
SQLBUILD_PROJECT = """\
name = "workload"
adapter = "duckdb"
default_target = "dev"

[connections.own]
database = "workload.duckdb"

[defaults]
materialized = "table"

[targets.dev]
connection = "own"
schema = "dev"
"""
SQLBUILD_SEEDS = """\
seeds:
  - name: seed_base
    description: Numbers.
    columns: [{name: id, type: BIGINT}, {name: val, type: BIGINT}, {name: grp, type: BIGINT}]
"""
SQLBUILD_HEAD = 'MODEL (\n  description "A model.",\n  columns (\n    id (audits [not_null]),\n  ),\n);\n\n'


def newer_python(*versions: str) -> str:
    """Return the first Python of these versions that runs from the PATH. Raises RuntimeError if none does."""
    for version in versions:
        program = shutil.which(f"python{version}")
        tried = [program, "-c", "import sys; print(sys.executable)"] if program else ["false"]
        found = subprocess.run(tried, capture_output=True, text=True, check=False)  # pyenv has programs that fail
        if not found.returncode:
            return found.stdout.strip()
    raise RuntimeError(f"it needs Python {versions[-1]} or newer, and none is on the PATH")


def make_environment(folder: Path, requirements: Sequence[str], interpreter: str = sys.executable) -> Path:
    """Install a peer in an environment of its own, compiled, once; give its folder of commands."""
    bin_folder = folder / "bin"
    ready = folder / "ready"
    if not ready.exists():
        python = str(bin_folder / "python")
        subprocess.run([interpreter, "-m", "venv", "--clear", str(folder)], check=True)
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        install = [uv, "pip", "install", "--compile-bytecode", "--python", python] if uv else None
        subprocess.run([*(install or [python, "-m", "pip", "install"]), "--quiet", *requirements], check=True)
        ready.touch()
    return bin_folder


def write_dbt_project(root: Path, models: int, layer: int = LAYER) -> None:
    """Write W as a dbt project on a DuckDB file in its folder."""
    (root / "models").mkdir(parents=True)
    (root / "seeds").mkdir()
    (root / "dbt_project.yml").write_text(
        "name: workload\nversion: '1.0'\nprofile: workload\nmodels: {workload: {+materialized: table}}\n"
    )
    (root / "profiles.yml").write_text(
        "workload: {target: dev, outputs: {dev: {type: duckdb, path: workload.duckdb, threads: 2}}}\n"
    )
    rows = "".join(f"{i},{i % 17},{i % 5}\n" for i in range(SEED_ROWS))
    (root / "seeds" / "seed_base.csv").write_text(f"id,val,grp\n{rows}")
    for index in range(models):
        text = query(index, ref, layer)
        (root / "models" / f"{name(index)}.sql").write_text(text)
    tests = "".join(f"  - {{name: {name(i)}, columns: [{{name: id, tests: [not_null]}}]}}\n" for i in range(models))
    (root / "models" / "schema.yml").write_text(f"version: 2\nmodels:\n{tests}")
    (root / "definitions.py").write_text(DEFINITIONS)


class Dbt:
    """W as a dbt project, and how its commands are called."""

    def __init__(self, root: Path, bin_folder: Path, models: int, layer: int = LAYER) -> None:
        self._root, self._bin = root, bin_folder
        shutil.rmtree(root, ignore_errors=True)
        write_dbt_project(root, models, layer)
        (root / "home").mkdir()
        (root / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def parse(self) -> Cost:
        """Run `dbt parse` without a cache."""
        shutil.rmtree(self._root / "target", ignore_errors=True)
        return self.parse_again()

    def parse_again(self) -> Cost:
        """Run `dbt parse` on unchanged files, with its cache."""
        return self._cost("dbt", "parse", "--quiet")

    def build(self) -> Cost:
        """Run `dbt build` into a new file; parsed before, as in a project in regular use."""
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        return self._cost("dbt", "build", "--quiet")

    def build_under_dagster(self) -> Cost:
        """Materialize all through dagster-dbt into a new file, with the stock storage."""
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        return self._cost("dagster", "asset", "materialize", "--select", "*", "-f", "definitions.py")

    def _cost(self, *command: str) -> Cost:
        path = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        home, quiet = str(self._root / "home"), "false"
        program = [str(self._bin / command[0]), *command[1:]]
        return cost_of(program, self._root, PATH=path, DAGSTER_HOME=home, DBT_SEND_ANONYMOUS_USAGE_STATS=quiet)


class Sqlmesh:
    """W as a sqlmesh project: full models with an audit each; its plan is applied without questions."""

    def __init__(self, root: Path, bin_folder: Path, models: int) -> None:
        self._root, self._bin = root, bin_folder
        shutil.rmtree(root, ignore_errors=True)
        (root / "models").mkdir(parents=True)
        (root / "config.yaml").write_text(
            "gateways: {local: {connection: {type: duckdb, database: workload.duckdb}}}\n"
            "default_gateway: local\nmodel_defaults: {dialect: duckdb, start: 2026-01-01}\n"
        )
        rows = "".join(f"{i},{i % 17},{i % 5}\n" for i in range(SEED_ROWS))
        (root / "seed_base.csv").write_text(f"id,val,grp\n{rows}")
        seed = (
            "model (name w.seed_base, kind seed (path '../seed_base.csv'), columns (id bigint, val bigint, grp bigint))"
        )
        (root / "models" / "seed_base.sql").write_text(f"{seed};\n")
        for index in range(models):
            head = f"model (name w.{name(index)}, kind full, audits (not_null(columns := (id))));\n"
            (root / "models" / f"{name(index)}.sql").write_text(head + query(index, lambda n: f"w.{n}"))

    def build(self) -> Cost:
        """Plan and apply everything into a new file."""
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        shutil.rmtree(self._root / ".cache", ignore_errors=True)
        command = [str(self._bin / "sqlmesh"), "plan", "--auto-apply", "--no-prompts"]
        return cost_of(command, self._root, SQLMESH__DISABLE_ANONYMIZED_ANALYTICS="true")


class Sqlbuild:
    """W as a project of SQLBuild: tables with an audit each."""

    def __init__(self, root: Path, bin_folder: Path, models: int, layer: int = LAYER) -> None:
        self._root, self._bin, self._layer = root, bin_folder, layer
        shutil.rmtree(root, ignore_errors=True)
        (root / "models").mkdir(parents=True)
        (root / "seeds").mkdir()
        (root / "sqlbuild_project.toml").write_text(SQLBUILD_PROJECT)
        rows = "".join(f"{i},{i % 17},{i % 5}\n" for i in range(SEED_ROWS))
        (root / "seeds" / "seed_base.csv").write_text(f"id,val,grp\n{rows}")
        (root / "seeds" / "seeds.yml").write_text(SQLBUILD_SEEDS)
        for index in range(models):
            self._model(index).write_text(f"{SQLBUILD_HEAD}{query(index, self._spelled, layer)}\n")
        self._last, self._edits = models - 1, 0

    def _model(self, index: int) -> Path:
        return self._root / "models" / f"{name(index)}.sql"

    @staticmethod
    def _spelled(target: str) -> str:
        return f'__{"seed" if target == "seed_base" else "ref"}("{target}")'

    def build(self) -> Cost:
        """Build everything into a new file; compiled before, as in a project in regular use."""
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        return self._cost("build")

    def edited_plan(self) -> Cost:
        """Plan after an edit of one model in the last layer."""
        self._edits += 1
        text = query(self._last, self._spelled, self._layer).replace(" as val", f" + {self._edits} as val", 1)
        self._model(self._last).write_text(f"{SQLBUILD_HEAD}{text}\n")
        return self._cost("plan")

    def _cost(self, command: str) -> Cost:
        return cost_of([str(self._bin / "sqb"), "--project-dir", str(self._root), command], self._root)
