"""Workload W in FFT, and how its commands are called."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from timing import Cost, cost_of
from workload import write_project

HERE = Path(__file__).parent
PYTHON = sys.executable
FFT = str(Path(sys.executable).parent / "fft")
RESULTS = Path(".fastflowtransform") / "target" / "run_results.json"
DEFINITIONS = """\
from pathlib import Path
from fft_dagster import build_definitions

defs = build_definitions(Path(__file__).parent)
"""
DAGSTER_YAML = """\
telemetry: {{enabled: false}}
storage:
  custom: {{module: fft_dagster.storage, class: PooledSqliteStorage, config: {{base_dir: {home}}}}}
"""


class W:
    """The workload in a folder of its own."""

    def __init__(self, scratch: Path, models: int, layer: int = 10) -> None:
        self.scratch, self.models, self.layer = scratch, models, layer
        self.root = scratch / f"w{models}"

    def write(self) -> None:
        """Write the project again."""
        shutil.rmtree(self.root, ignore_errors=True)
        write_project(self.root, self.models, self.layer)

    def first_build(self) -> Cost:
        """Build into a new file."""
        self.write()
        return self.build()

    def build_anew(self) -> Cost:
        """Build into a new file, from files that were read before."""
        (self.root / "workload.duckdb").unlink(missing_ok=True)
        return self.build()

    def build(self) -> Cost:
        """Run `fft build`."""
        return cost_of([FFT, "build", str(self.root)], self.scratch)

    def plan(self) -> Cost:
        """Run `fft plan`."""
        return cost_of([FFT, "plan", str(self.root)], self.scratch)

    def ls(self) -> Cost:
        """Run `fft ls`."""
        return cost_of([FFT, "ls", str(self.root)], self.scratch)

    def edited_build(self) -> Cost:
        """Build after an edit of one model in the last layer."""
        self.edit()
        return self.build()

    def edited_plan(self) -> Cost:
        """Plan after an edit of one model in the last layer."""
        self.edit()
        return self.plan()

    def write_definitions(self) -> Path:
        """Write a module of definitions, and the home of an instance with FFT's storage; return the home."""
        (self.root / "definitions.py").write_text(DEFINITIONS)
        home = self.root / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text(DAGSTER_YAML.format(home=home))
        return home

    def materialize(self, home: Path) -> Cost:
        """Materialize all assets by Dagster's command."""
        dagster = str(Path(PYTHON).parent / "dagster")
        command = [dagster, "asset", "materialize", "--select", "*", "-f", "definitions.py"]
        return cost_of(command, self.root, DAGSTER_HOME=str(home))

    def materialize_anew(self, home: Path) -> Cost:
        """Materialize all assets into a new file."""
        (self.root / "workload.duckdb").unlink(missing_ok=True)
        return self.materialize(home)

    def edit(self) -> None:
        """Edit one model in the last layer."""
        path = sorted((self.root / "models").glob("*.ff.sql"))[-1]
        path.write_text(path.read_text().replace(" as val", " + 1 as val", 1))

    def with_prefect(self, environment: Mapping[str, str]) -> Cost:
        """Run `fft build --with prefect`, with a running server."""
        return cost_of([FFT, "build", str(self.root), "--with", "prefect"], self.scratch, **environment)

    def flow(self, environment: Mapping[str, str]) -> Cost:
        """Build into a new file as a flow of Prefect: the time of the flow, without imports."""
        self.write()
        cost = cost_of([PYTHON, str(HERE / "prefect_flow.py"), str(self.root)], self.scratch, **environment)
        return Cost(float((self.scratch / "said.txt").read_text().split()[-1]), cost.megabytes)

    def python_loop(self) -> Cost:
        """Build into a new file by a loop over a Run, without Dagster: the time of the loop."""
        self.write()
        cost = cost_of([PYTHON, str(HERE / "python_loop.py"), str(self.root)], self.scratch)
        return Cost(float((self.scratch / "said.txt").read_text().split()[-1]), cost.megabytes)

    def build_less_dagster(self) -> Cost:
        """Run `fft build` into a new file, one step at a time; return the time inside the steps."""
        self.write()
        cost = cost_of([FFT, "build", str(self.root), "--jobs", "1"], self.scratch)
        said = json.loads((self.root / RESULTS).read_text())
        return Cost(sum(node["duration_ms"] for node in said["results"]) / 1000, cost.megabytes)

    def raw_loop(self) -> Cost:
        """Run its statements in a bare loop, into a new file."""
        database = self.scratch / "raw.duckdb"
        database.unlink(missing_ok=True)
        command = [PYTHON, str(HERE / "raw_loop.py"), str(database), str(self.models), str(self.layer)]
        return cost_of(command, self.scratch)
