"""A Spark in the process, whose own store can be asked for its jobs: those of a session there, and of Spark Connect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from server_environment import or_skipped
from spark_server import classic_spark

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent


def test_a_job_says_for_which_project_node_and_run_it_works(tmp_path: Path) -> None:
    with or_skipped(classic_spark()) as environment:
        command = [sys.executable, str(HERE / "labels_on_spark.py"), str(tmp_path), "the_run"]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    of_connect = [{tag.rpartition("_Tag_")[2] for tag in tags} for tags in told["tags"]]
    for node in ("orders", "big"):
        assert f"project tested, node {node}, run the_run" in told["descriptions"]
        assert any({"fft_project=tested", f"fft_node={node}", "fft_run=the_run"} <= tags for tags in of_connect)
