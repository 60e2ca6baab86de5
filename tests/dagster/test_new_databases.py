"""The databases that `PooledSqliteStorage` creates are those of stock Dagster, of its newest version."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from dagster._core.storage.sqlite import LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION

from conftest import STORAGES, write_dagster_yaml
from fft_dagster.storage import creation

DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


def new_instance(home: Path, storage: str = "pooled") -> dg.DagsterInstance:
    write_dagster_yaml(home, storage)
    return dg.DagsterInstance.from_config(str(home))


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a new instance of each storage."""
    found = {storage: tmp_path_factory.mktemp(storage) for storage in STORAGES}
    for storage, home in found.items():
        new_instance(home, storage).dispose()
    return found


def contents(database: Path) -> dict[str, Any]:
    """All that a database holds but times."""
    migrated = "select name from secondary_indexes where migration_completed is not null"
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return {
            "schema": sorted(connection.execute("select type, name, sql from sqlite_master"), key=str),
            "version": connection.execute("select * from alembic_version").fetchall(),
            "migrated": connection.execute(migrated).fetchall(),
            "rows": {name: connection.execute(f"select count(*) from {name}").fetchone() for name in tables},
            "journal": connection.execute("pragma journal_mode").fetchall(),
        }


@pytest.mark.parametrize("database", DATABASES)
def test_a_new_database_is_as_stock_makes_it(homes: dict[str, Path], database: str) -> None:
    stock, pooled = (contents(homes[storage] / database) for storage in ("stock", "pooled"))
    assert stock["version"]
    assert stock["migrated"]
    assert pooled == stock


def test_stock_dagster_opens_them_as_of_its_newest_version(tmp_path: Path) -> None:
    new_instance(tmp_path).dispose()
    before = [contents(tmp_path / database) for database in DATABASES]
    stock, said = new_instance(tmp_path, "stock"), list[str]()
    for storage in (stock.run_storage, stock.event_log_storage, stock.schedule_storage):
        assert storage is not None
        found, newest = storage.alembic_version() or ("", None)
        assert found == newest
    stock.upgrade(said.append)  # what `dagster instance migrate` does
    stock.reindex(said.append)
    stock.dispose()
    assert any(line.startswith("Skipping already applied data migration") for line in said)
    assert not any(line.startswith("Starting data migration") for line in said)
    assert [contents(tmp_path / database) for database in DATABASES] == before


def test_a_process_looks_at_the_migrations_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    original = ScriptDirectory.from_config

    def counted(config: Any) -> ScriptDirectory:
        looks.append(config)
        return original(config)

    monkeypatch.setattr(ScriptDirectory, "from_config", counted)
    creation._stamps.cache_clear()
    for name in ("first", "second"):
        new_instance(tmp_path / name).dispose()
    assert len(looks) == 1
    new_instance(tmp_path / "second").dispose()
    assert len(looks) == 1


@pytest.mark.parametrize("database", ["history/runs.db", "schedules/schedules.db"])
def test_a_database_without_a_version_is_left_to_stock(tmp_path: Path, database: str) -> None:
    """It is of the last version that stamped none, and is to be migrated."""
    new_instance(tmp_path, "stock").dispose()
    with closing(sqlite3.connect(tmp_path / database)) as connection:
        connection.execute("drop table alembic_version")
    new_instance(tmp_path).dispose()
    with closing(sqlite3.connect(tmp_path / database)) as connection:
        (version,) = connection.execute("select version_num from alembic_version").fetchone()
    assert version == LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION


@pytest.mark.parametrize("database", DATABASES)
def test_an_empty_file_becomes_a_database(homes: dict[str, Path], tmp_path: Path, database: str) -> None:
    """A process was killed as it began to create it."""
    (tmp_path / database).parent.mkdir(parents=True)
    (tmp_path / database).touch()
    instance = new_instance(tmp_path)
    assert instance.get_asset_keys() == []
    instance.dispose()
    assert contents(tmp_path / database)["version"] == contents(homes["stock"] / database)["version"]
