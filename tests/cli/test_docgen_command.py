"""`fft docgen` and `fft sync-db-comments` as processes, on a database that `fft build` filled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_build_command import SHOP, fft, rows, write

SCHEMA = """\
    version: 2
    models:
      - name: users
        description: All of them.
        columns: [{name: id, description: The key.}, {name: nickname, description: Not there.}]
    """
FILES = {**SHOP, "models/schema.yml": SCHEMA}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write(tmp_path_factory.mktemp("documented") / "shop", FILES)
    assert fft("build", root).code == 0
    return root


def test_pages_do_not_go_into_the_folders_of_the_project(shop: Path) -> None:
    finished = fft("docgen", shop, "--out", shop / "models" / "pages")
    assert (finished.code, (shop / "models" / "pages").exists()) == (2, False)
    assert "is in the project's folder models/, where pages do not belong [FFT-310]" in finished.err


def test_a_site_with_artifacts_beside_it(shop: Path) -> None:
    finished = fft("docgen", "shop", "--out", "site", "--emit-json", "--open-source", cwd=shop.parent)
    assert (finished.code, finished.out, finished.err) == (0, "site/index.html\n", "")
    site, target = shop.parent / "site", shop / ".fastflowtransform" / "target"
    page = (site / "models" / "users.html").read_text(encoding="utf-8")
    assert "All of them." in page
    assert "BIGINT" in page
    assert "select id, email from" in page
    for name in ("manifest.json", "catalog.json"):
        assert (site / name).read_bytes() == (target / name).read_bytes()
    assert json.loads((site / "catalog.json").read_text())["relations"]["users"]["rows"] == 2


def test_what_checks_found_is_on_the_pages_unless_it_is_left_out(tmp_path: Path) -> None:
    checked = {"project.yml": "name: s\nversion: '1'\ntests: [{type: unique, table: raw, column: id}]\n"}
    files = {**checked, "profiles.yml": "dev: {engine: duckdb, duckdb: {path: s.duckdb}}\n", "seeds/raw.csv": "id\n1\n"}
    root = write(tmp_path / "s", files)
    fft("build", root)
    write(root, {"seeds/raw.csv": "id\n1\n1\n"})
    assert fft("build", root).code == 2
    assert fft("docgen", root).code == 0
    page = (root / "site" / "docs" / "checks.html").read_text(encoding="utf-8")
    assert ">fails for 1 run, since 20" in page
    assert page.count("<rect") == 2
    assert fft("docgen", root, "--no-history").code == 0
    assert "No results are known" in (root / "site" / "docs" / "checks.html").read_text(encoding="utf-8")


def test_without_a_database_and_without_source(shop: Path) -> None:
    finished = fft("docgen", shop, "--no-catalog", "--env", "prod", SHOP_PATH="nowhere/at/all.duckdb")
    assert (finished.code, finished.out) == (0, f"{shop / 'site' / 'docs' / 'index.html'}\n")
    page = (shop / "site" / "docs" / "models" / "users.html").read_text(encoding="utf-8")
    assert "The key." in page
    assert "select id, email from" not in page


def test_a_folder_with_a_page_of_somebody_else_is_left_alone(shop: Path) -> None:
    write(shop, {"public/index.html": "mine"})
    finished = fft("docgen", shop, "--out", shop / "public")
    assert (finished.code, finished.out) == (1, "")
    assert "was not written by fft docgen" in finished.err
    assert [path.name for path in (shop / "public").iterdir()] == ["index.html"]


def test_comments_are_shown_then_written_then_there(shop: Path) -> None:
    asked = "select comment from duckdb_columns() where table_name = 'users' and column_name = 'id'"
    dry = fft("sync-db-comments", shop, "--dry-run")
    assert dry.lines == ["users All of them.", "users.id The key.", "2 comments to write"]
    assert dry.err == "left out: users has no column 'nickname'\n"
    assert rows(shop / "dev.duckdb", asked) == [(None,)]
    assert fft("sync-db-comments", shop).lines[-1] == "2 comments written"
    assert rows(shop / "dev.duckdb", asked) == [("The key.",)]
    assert fft("sync-db-comments", shop, "--select", "users").lines == ["0 comments written"]
    plan = fft("plan", shop, "--select", "users seed_users")
    assert plan.lines[-1] == "0 to build, 2 to reuse"


def test_the_sources_of_a_package_are_shown_too(tmp_path: Path) -> None:
    shared = {"project.yml": "name: shared\nversion: '1'\n", "models/base.ff.sql": "select 41 + 1 as answer"}
    write(tmp_path / "shared", shared)
    root = write(tmp_path / "shop", {**SHOP, "packages.yml": "packages:\n  - {name: shared, path: ../shared}\n"})
    finished = fft("docgen", root, "--out", "site", "--open-source", cwd=tmp_path)
    assert (finished.code, finished.err) == (0, "")
    assert "41 + 1" in (tmp_path / "site" / "models" / "base.html").read_text(encoding="utf-8")
