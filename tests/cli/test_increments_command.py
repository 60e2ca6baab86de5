"""`fft build` and `fft plan` of an incremental model and a snapshot, through Dagster."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
from test_build_command import SHOP, fft, write

HISTORY = """\
    {{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }}
    select id, email from {{ ref('seed_users') }}
    """
FILES = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": SHOP["profiles.yml"],
    "seeds/seed_users.csv": "id,email\n1,a@x.at\n2,b@x.at\n",
    "models/seen.ff.sql": """\
        {{ config(materialized='incremental', unique_key='id') }}
        select id, email from {{ ref('seed_users') }}
        """,
    "models/history.ff.sql": HISTORY,
}


def rows(root: Path, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        return connection.execute(f"select id, email from {table} order by all").fetchall()


def test_increments_and_a_full_refresh(tmp_path: Path) -> None:
    root = write(tmp_path, FILES)
    assert fft("build", root).code == 0
    write(tmp_path, {"seeds/seed_users.csv": "id,email\n2,c@x.at\n"})
    assert "build history increment: seed_users changed" in fft("plan", root).lines
    assert fft("build", root).code == 0
    assert rows(root, "seen") == [(1, "a@x.at"), (2, "c@x.at")]
    assert rows(root, "history") == [(1, "a@x.at"), (2, "b@x.at"), (2, "c@x.at")]
    finished = fft("build", root, "--full-refresh", "*")
    assert finished.code == 0, finished.err
    assert rows(root, "seen") == [(2, "c@x.at")]
    assert len(rows(root, "history")) == 3
    refused = fft("build", root, "--full-refresh", "hist*")
    assert (refused.code, "matches no incremental model" in refused.err) == (2, True)


def test_what_an_increment_did_is_in_the_metadata(tmp_path: Path) -> None:
    root = write(tmp_path, FILES)
    fft("build", root)
    write(tmp_path, {"seeds/seed_users.csv": "id,email\n2,c@x.at\n"})
    fft("build", root)
    home = str(root / ".fastflowtransform" / "dagster")
    with dg.DagsterInstance.from_config(home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("history"))
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
    assert (metadata["increment"].value, metadata["new_versions"].value) == (True, 1)
