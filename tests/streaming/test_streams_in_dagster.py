"""A stream in Dagster: an asset, a step with its bounds, and a sensor that launches when something has arrived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from test_stream_models import Shop, click

from fft_core import load_project
from fft_core.errors import RequestError
from fft_dagster import build_definitions, stream_sensor


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(shop: Shop, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_definitions(shop.root, "dev").resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)


def materialized(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetMaterialization:
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(name)]
    return event.step_materialization_data.materialization


def test_a_step_says_from_where_to_where_it_read(shop: Shop, instance: dg.DagsterInstance) -> None:
    shop.write({"models/visits.ff.yml": (shop.root / "models/visits.ff.yml").read_text() + "batch_rows: 2\n"})
    shop.click(*(click(minute) for minute in (0, 10, 20, 100, 110)))
    result = run(shop, instance)
    assert result.success
    told: Any = materialized(result, "visits").metadata
    assert told["events"].value == 5
    assert told["position_from"].value == {}
    (file,) = told["position_to"].value["files"]
    assert file["offset"] == (shop.root / "clicks/a.jsonl").stat().st_size
    assert told["watermark"].value == 1777629000.0
    assert told["lag_seconds"].value > 0


def test_the_data_version_is_the_position_so_that_readers_are_reused(shop: Shop, instance: dg.DagsterInstance) -> None:
    shop.click(click(0))
    first = run(shop, instance)
    second = run(shop, instance)
    assert materialized(second, "mart").metadata["action"].value == "reuse"
    tag = "dagster/data_version"
    assert (materialized(first, "visits").tags or {})[tag] == (materialized(second, "visits").tags or {})[tag]
    shop.click(click(10))
    third = run(shop, instance)
    assert materialized(third, "mart").metadata["action"].value == "build"
    assert (materialized(first, "visits").tags or {})[tag] != (materialized(third, "visits").tags or {})[tag]


def looked(sensor: dg.SensorDefinition, shop: Shop, instance: dg.DagsterInstance) -> dg.SensorResult:
    definitions = build_definitions(shop.root, "dev")
    context = dg.build_sensor_context(instance, definitions=definitions, sensor_name=sensor.name)
    found = sensor(context)
    assert isinstance(found, dg.SensorResult)
    return found


def test_the_sensor_launches_when_something_has_arrived(shop: Shop, instance: dg.DagsterInstance) -> None:
    sensor = build_definitions(shop.root, "dev").resolve_sensor_def("clicks_streams")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert looked(sensor, shop, instance).run_requests == []
    shop.click(click(0))
    found = looked(sensor, shop, instance)
    (request,) = found.run_requests or []
    assert request.asset_selection == [dg.AssetKey("visits")]
    assert (looked(sensor, shop, instance).run_requests or [])[0].run_key == request.run_key
    (observation,) = found.asset_events
    assert observation.metadata["backlog"].value == (shop.root / "clicks/a.jsonl").stat().st_size
    assert run(shop, instance).success
    after = looked(sensor, shop, instance)
    assert after.run_requests == []
    assert after.asset_events[0].metadata["backlog"].value == 0
    assert after.asset_events[0].metadata["lag_seconds"].value > 0  # type: ignore[operator]


def test_the_sensor_waits_for_much_or_for_old(shop: Shop, instance: dg.DagsterInstance) -> None:
    project = load_project(shop.root, "dev", environment={})
    shop.click(click(0))
    name = "clicks_streams"
    assert looked(stream_sensor(project, backlog=10_000, name=name), shop, instance).run_requests == []
    old = stream_sensor(project, backlog=10_000, age_seconds=0, with_downstream=True, name=name)
    (request,) = looked(old, shop, instance).run_requests or []
    assert request.asset_selection == [dg.AssetKey("visits"), dg.AssetKey("mart")]


def test_no_second_run_is_launched_beside_one(shop: Shop, instance: dg.DagsterInstance) -> None:
    definitions = build_definitions(shop.root, "dev")
    sensor = definitions.resolve_sensor_def("clicks_streams")
    shop.click(click(0))
    (request,) = looked(sensor, shop, instance).run_requests or []
    job = definitions.resolve_implicit_global_asset_job_def()
    instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED)
    assert looked(sensor, shop, instance).run_requests == []


def test_a_sensor_of_what_is_no_stream(shop: Shop) -> None:
    project = load_project(shop.root, "dev", environment={})
    with pytest.raises(RequestError, match="'visit' is not a stream of clicks"):
        stream_sensor(project, streams=["visit"])


def test_a_project_without_streams_has_no_sensor(shop: Shop) -> None:
    (shop.root / "models/visits.ff.yml").unlink()
    shop.write({"models/mart.ff.sql": "select 1 as i"})
    assert list(build_definitions(shop.root, "dev").sensors or ()) == []
