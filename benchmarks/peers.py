"""Workload W in the peers: the same statements and checks as a dbt project, alone and under dagster-dbt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from workload import SEED_ROWS, name, query

REQUIREMENTS = ("dagster-dbt>=0.29", "dbt-core>=1.10,<1.11", "dbt-duckdb>=1.9", "duckdb")
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


def make_environment(folder: Path) -> Path:
    """Install the peers in an environment of their own, compiled, once; give its folder of commands."""
    bin_folder = folder / "bin"
    if not (bin_folder / "dbt").exists():
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(bin_folder / "python")]
        subprocess.run([*install, *REQUIREMENTS], check=True)
    return bin_folder


def write_dbt_project(root: Path, models: int) -> None:
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
        text = query(index, lambda n: f"{{{{ ref('{n}') }}}}")
        (root / "models" / f"{name(index)}.sql").write_text(text)
    tests = "".join(f"  - {{name: {name(i)}, columns: [{{name: id, tests: [not_null]}}]}}\n" for i in range(models))
    (root / "models" / "schema.yml").write_text(f"version: 2\nmodels:\n{tests}")
    (root / "definitions.py").write_text(DEFINITIONS)


class Dbt:
    """W as a dbt project, and how its commands are called."""

    def __init__(self, root: Path, bin_folder: Path, models: int) -> None:
        self._root, self._bin = root, bin_folder
        shutil.rmtree(root, ignore_errors=True)
        write_dbt_project(root, models)
        (root / "home").mkdir()
        (root / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def parse(self) -> float:
        """`dbt parse`, from nothing."""
        shutil.rmtree(self._root / "target", ignore_errors=True)
        return self._seconds(["dbt", "parse", "--quiet"])

    def build(self) -> float:
        """`dbt build` into a new file; parsed before, as in a project that is at work."""
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        return self._seconds(["dbt", "build", "--quiet"])

    def build_under_dagster(self) -> float:
        """Materialize all through dagster-dbt into a new file, with the stock storage."""
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        return self._seconds(["dagster", "asset", "materialize", "--select", "*", "-f", "definitions.py"])

    def _seconds(self, command: Sequence[str]) -> float:
        environment = {
            **os.environ,
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "DAGSTER_HOME": str(self._root / "home"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.perf_counter()
        done = subprocess.run(
            [str(self._bin / command[0]), *command[1:]],
            cwd=self._root,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return time.perf_counter() - began
