"""Several commands build one project at once, while files change and processes are killed: what is left is right."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

from fft_process import Started, start_process
from skip_helpers import Place, place
from sweeps import FIRST_SEED, examples
from targets import Target

KILLED = -signal.SIGKILL
MODELS = {
    "a": "select id, v from {{ ref('s') }}",
    "b": "{{ config(materialized='view') }} select id, v * 2 as v from {{ ref('a') }}",
    "c": "select a.id, b.v from {{ ref('a') }} a join {{ ref('b') }} b on a.id = b.id",
    "d": "{{ config(materialized='ephemeral') }} select id from {{ ref('c') }} where id % 2 = 0",
    "e": "select count(*) as n from {{ ref('d') }}",
    "f": "select t.id, a.v from {{ ref('t') }} t left join {{ ref('a') }} a on a.id = t.id",
    "t": "select id, v from {{ ref('s') }} where v > 3",
    **{f"w{number}": f"select id, v + {number} as v from {{{{ ref('{'act'[number % 3]}') }}}}" for number in range(6)},
}
PYTHON = """
from fft_core import model
import pandas as pd

@model(name="p", deps=["a"])
def p(a: pd.DataFrame) -> pd.DataFrame:
    return a.assign(w=a["v"] + 1)
"""
CHECKS = "tests:\n  - {type: not_null, table: b, column: id}\n  - {type: unique, table: a, column: id}\n"


def test_many_builds_at_once_leave_what_one_build_would(tmp_path: Path, target: Target) -> None:
    with (
        target.profile(str(tmp_path / "db.duckdb")) as profile,
        target.profile(str(tmp_path / "clean.duckdb")) as other,
    ):
        made = place(tmp_path / "storm", {f"models/{name}.ff.sql": text for name, text in MODELS.items()})
        made.write({"models/p.ff.py": PYTHON, "profiles.yml": profile})
        made.write({"project.yml": f"name: storm\nversion: '1'\n{CHECKS}", "seeds/s.csv": "id,v\n1,5\n"})
        assert not made.build().failed
        dice = random.Random(FIRST_SEED)
        for _ in range(examples(1, 25)):
            one_storm(made, dice)
            assert not made.build().failed
            assert not made.due()
        rows = published(made)
        made.write({"profiles.yml": other})
        assert not made.build().failed
        assert rows == published(made)


def one_storm(made: Place, dice: random.Random) -> None:
    running = [build(made, dice) for _ in range(dice.choice((2, 3)))]
    time.sleep(dice.random())
    rows = "".join(f"{number},{dice.randint(0, 9)}\n" for number in range(dice.randint(5, 30)))
    (made.root / "new.csv").write_text(f"id,v\n{rows}")
    (made.root / "new.csv").replace(made.root / "seeds" / "s.csv")
    if dice.random() < 0.3:
        time.sleep(dice.random())
        dice.choice(running).send_signal(signal.SIGKILL)
    for process in running:
        said = process.communicate(timeout=120)
        assert process.returncode in (0, KILLED), said
        assert "Traceback" not in said[1]


def build(made: Place, dice: random.Random) -> Started:
    chosen = dice.choice(([], ["--rebuild"], ["--select", dice.choice(("a+", "+f", "c", "p", "t+"))]))
    return start_process(
        sys.executable, "-m", "fft_cli", "build", made.root, *chosen, "--jobs", str(dice.choice((1, 2, 8)))
    )


def published(made: Place) -> dict[str, list[tuple[object, ...]]]:
    with made.opened() as warehouse, warehouse.engine.turn():
        engine, stored = warehouse.engine, warehouse.project.stored()
        tables = {node.name: warehouse.relation(node.name).sql(engine.spelling) for node in stored if node.name != "s"}
        return {name: sorted(engine.fetch(f"select * from {table}")) for name, table in tables.items()}
