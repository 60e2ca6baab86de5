"""Files of served models: written in the build, named after the commit, healed after a crash, removed when expired."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from serve_project import SCHEMA, Served, orders

from fft_core import ProjectError, Run
from fft_core.build import served_files
from fft_core.run.work import planned


@pytest.fixture
def shop(tmp_path: Path) -> Served:
    found = Served(tmp_path)
    found.write({"models/orders.ff.sql": orders(range(5)), "models/schema.yml": SCHEMA})
    return found


def files(shop: Served) -> list[str]:
    return sorted(path.name for path in shop.folder().iterdir())


def test_a_build_writes_a_file_of_its_version(shop: Served) -> None:
    assert shop.build() == {"orders": "build"}
    manifest = shop.manifest()
    assert files(shop) == sorted(["manifest.json", manifest["file"]])
    assert pq.read_table(shop.folder() / manifest["file"]).column("id").to_pylist() == list(range(5))
    assert manifest["rows"] == 5
    assert [check["status"] for check in manifest["checks"]] == ["pass", "pass"]
    assert manifest["columns"][0] == ["id", "INTEGER"]


def test_a_page_of_a_large_file_need_not_read_all_of_it(shop: Served) -> None:
    """The rows are in the order of the key, in groups whose smallest and largest keys the file has."""
    shop.write({"models/orders.ff.sql": orders(range(1)).replace("array[0]", "range(50000)")})
    shop.build()
    groups = pq.ParquetFile(shop.folder() / shop.manifest()["file"]).metadata
    keys = [groups.row_group(n).column(0).statistics for n in range(groups.num_row_groups)]
    assert [(key.min, key.max) for key in keys if key is not None] == [(0, 20479), (20480, 40959), (40960, 49999)]


def test_a_model_without_the_key_writes_nothing(shop: Served) -> None:
    shop.write({"models/orders.ff.sql": "select 1 as id, 'x' as name"})
    shop.build()
    assert not shop.folder().exists()


def test_the_key_alone_builds_nothing_and_the_next_turn_writes_the_file(shop: Served) -> None:
    shop.write({"models/orders.ff.sql": orders(range(5)).replace("serve=true, ", "")})
    assert shop.build() == {"orders": "build"}
    shop.write({"models/orders.ff.sql": orders(range(5))})
    with Run(shop.load()) as run:
        assert planned(run.project, run.plan(), checks_alone=True).builds == ("orders",)
    assert shop.build() == {"orders": "reuse"}
    assert shop.manifest()["rows"] == 5
    with Run(shop.load()) as run:
        assert planned(run.project, run.plan(), checks_alone=True).builds == ()


def test_a_replaced_file_stays_until_the_last_cursor_has_expired(shop: Served) -> None:
    shop.build()
    first = shop.manifest()["file"]
    shop.write({"models/orders.ff.sql": orders(range(6))})
    shop.build()
    second = shop.manifest()
    assert list(second["replaced"]) == [first]
    assert files(shop) == sorted(["manifest.json", first, second["file"]])
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    (shop.folder() / "manifest.json").write_text(json.dumps({**second, "replaced": {first: long_ago}}))
    shop.write({"models/orders.ff.sql": orders(range(7))})
    shop.build()
    assert files(shop) == sorted(["manifest.json", second["file"], shop.manifest()["file"]])


def test_a_build_of_equal_content_keeps_the_file(shop: Served) -> None:
    shop.build()
    first = shop.manifest()
    shop.write({"models/orders.ff.sql": orders(range(5)) + "where true"})
    assert shop.build() == {"orders": "build"}
    second = shop.manifest()
    assert (second["file"], second["data_version"]) == (first["file"], first["data_version"])
    assert second["stamp"] != first["stamp"]
    assert second["replaced"] == {}


@pytest.mark.parametrize("lost", ["rename", "all"])
def test_a_crash_after_the_commit_is_healed_by_the_next_turn(
    shop: Served, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.build()
    first = shop.manifest()
    shop.write({"models/orders.ff.sql": orders(range(6))})
    with monkeypatch.context() as patch:
        patch.setattr(served_files.PendingFiles, "publish", lambda self: None)
        shop.build()
    assert shop.manifest() == first  # readers have the version before
    if lost == "all":
        for path in shop.folder().glob(".*"):
            path.unlink()
    assert shop.build() == {"orders": "reuse"}
    assert shop.manifest()["rows"] == 6
    assert not list(shop.folder().glob(".*"))


def test_a_blocked_build_leaves_the_version_and_says_so(shop: Served) -> None:
    shop.build()
    first = shop.manifest()
    bad = orders(range(5)).replace("i as id", "i / 10 * 0 as id")
    shop.write({"models/orders.ff.sql": bad})
    assert shop.build() == {"orders": "CheckFailedError"}
    assert shop.manifest() == first
    withheld = json.loads((shop.folder() / "withheld.json").read_text())
    assert (withheld["status"], withheld["checks"]) == ("blocked", ["unique_id"])
    assert sorted(files(shop)) == sorted(["manifest.json", "withheld.json", first["file"]])
    shop.write({"models/orders.ff.sql": orders(range(5))})
    shop.build()
    assert not (shop.folder() / "withheld.json").exists()


def test_a_file_beyond_the_limit_is_not_kept(tmp_path: Path) -> None:
    shop = Served(tmp_path, environment={"FFT_SERVE_MAX_MB": "0"})
    shop.write({"models/orders.ff.sql": orders(range(5))})
    assert shop.build() == {"orders": "build"}
    manifest = shop.manifest()
    assert manifest["file"] is None
    assert manifest["bytes"] > 0
    assert files(shop) == ["manifest.json"]


@pytest.mark.parametrize("kind", ["view", "ephemeral"])
def test_what_stores_no_rows_cannot_be_served(shop: Served, kind: str) -> None:
    with pytest.raises(ProjectError, match=f"the rows of a model that is '{kind}' have no version"):
        shop.write({"models/orders.ff.sql": f"{{{{ config(serve=true, materialized='{kind}') }}}} select 1 as id"})


def test_the_key_is_a_setting_of_folders_and_of_decorators(shop: Served) -> None:
    project = shop.write(
        {
            "project.yml": "name: tested\nversion: '1'\nmodels:\n  marts: {+serve: true}\n",
            "models/marts/a.ff.sql": "select 1 as id",
            "models/marts/b.ff.sql": "{{ config(serve=false) }} select 1 as id",
            "models/c.ff.py": """
                from fft_core import model

                @model(deps=["a"], serve={"where": "id = :customer"})
                def c(a):
                    return a
            """,
        }
    )
    assert project.models["a"].serve is not None
    assert project.models["b"].serve is None
    served = project.models["c"].serve
    assert served is not None
    assert served.where == "id = :customer"
