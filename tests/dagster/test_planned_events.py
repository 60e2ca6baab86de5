"""The planned events of a run are stored together, whichever process creates the run."""

from collections.abc import Sequence

import dagster as dg
import pytest

from conftest import MakeInstance
from fft_dagster.storage.event_log import PooledSqliteEventLogStorage


@pytest.mark.parametrize(("said", "sizes"), [(None, [20]), ("6", [6, 6, 6, 2]), ("0", [])])
def test_planned_events_are_stored_together(
    make_instance: MakeInstance, monkeypatch: pytest.MonkeyPatch, said: str | None, sizes: list[int]
) -> None:
    """Also in processes of Dagster, such as its command and its daemon; the user's own size counts."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", said or "")
    if said is None:
        monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    found: list[int] = []
    store = PooledSqliteEventLogStorage.store_event_batch

    def noted(self: PooledSqliteEventLogStorage, events: Sequence[dg.EventLogEntry]) -> None:
        found.append(len(events))
        store(self, events)

    monkeypatch.setattr(PooledSqliteEventLogStorage, "store_event_batch", noted)

    def made(name: str) -> dg.AssetsDefinition:
        return dg.asset(name=name)(lambda: None)

    instance = make_instance()
    job = dg.Definitions([made(f"a{i}") for i in range(20)]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job)
    assert found == sizes
    planned = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert len(planned.records) == 20
