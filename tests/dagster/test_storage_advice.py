"""Stock SQLite storage is slow, which is said once when definitions are loaded, with the lines to add."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml

from fft_dagster import storage_advice
from fft_dagster.storage_advice import advise_on_storage

OURS = "storage:\n  custom: {module: fft_dagster.storage, class: PooledSqliteStorage, config: {base_dir: x}}\n"


def said(home: Path | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[str]:
    storage_advice._advise.cache_clear()
    caplog.clear()
    if home is None:
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
    else:
        monkeypatch.setenv("DAGSTER_HOME", str(home))
    with caplog.at_level(logging.WARNING):
        advise_on_storage()
        advise_on_storage()
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("content", [None, "", "telemetry: {enabled: false}\n", "storage:\n  sqlite: {base_dir: x}\n"])
def test_stock_storage_is_told_once_what_to_write(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if content is not None:
        (tmp_path / "dagster.yaml").write_text(content)
    (message,) = said(tmp_path, monkeypatch, caplog)
    lines = yaml.safe_load(message.partition(":\n")[2])
    assert lines["storage"]["custom"]["config"] == {"base_dir": str(tmp_path)}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(lines))
    assert said(tmp_path, monkeypatch, caplog) == []


@pytest.mark.parametrize(
    "content",
    [OURS, "storage: {postgres: {postgres_url: x}}\n", "storage: [", "event_log_storage: {module: m, class: c}\n"],
)
def test_other_storage_is_left_alone(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "dagster.yaml").write_text(content)
    assert said(tmp_path, monkeypatch, caplog) == []


def test_nothing_is_said_without_a_home(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert said(None, monkeypatch, caplog) == []


def test_definitions_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from fft_dagster import build_definitions

    storage_advice._advise.cache_clear()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/project.yml").write_text("name: shop\nversion: '1'\n")
    (tmp_path / "shop/profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: x.duckdb}}\n")
    with caplog.at_level(logging.WARNING):
        build_definitions(tmp_path / "shop")
    assert "PooledSqliteStorage" in caplog.text
