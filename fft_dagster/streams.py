"""A sensor that measures the backlog of streams, reports it as observations, and launches runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC
from typing import Any

import dagster as dg

from fft_core import FftError, Model, Project, Run
from fft_core.build.stream_upkeep import StreamStatus, stream_status, streams_of
from fft_core.errors import BusyError, RequestError, nearest
from fft_core.plan.fingerprint import digest_of
from fft_dagster.projects import bound_project
from fft_dagster.translator import FftTranslator

STREAM_TAG = "fft/stream"
_BEGUN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def stream_sensor(
    project: Project,
    translator: FftTranslator | None = None,
    *,
    streams: Collection[str] | None = None,
    backlog: int = 1,
    age_seconds: float | None = None,
    with_downstream: bool = False,
    name: str | None = None,
    minimum_interval_seconds: int = 30,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """Return a sensor that launches a run for each stream with enough backlog.

    At each tick, backlog, lag and watermark of each stream become an observation of its asset. A stream has at most one
    unfinished run.

    Args:
        project: A loaded project.
        translator: The mapping of models to assets.
        streams: The names of the streams; None: all of the project.
        backlog: The backlog that launches a run, 1 or more, in the unit of the source: bytes, messages, objects.
        age_seconds: The longest wait of a smaller backlog; None: no limit. The age of a record is the time since its
            arrival; of a record in a file, the time since its event time.
        with_downstream: Whether a run also builds the models that depend on the stream.
        name: The name of the sensor; None: the project's with `_streams`.
        minimum_interval_seconds: The time between two ticks.
        default_status: Whether the sensor is on from the beginning.

    Raises:
        RequestError: one of the names is not a stream, `backlog` is less than 1, or `age_seconds` is negative.

    >>> from fft_core import load_project
    >>> from fft_dagster import stream_sensor
    >>> sensor = stream_sensor(load_project("shop"), streams=["visits"], backlog=100_000, age_seconds=60)
    >>> sensor.name
    'shop_streams'
    """
    _refuse_limits(backlog, age_seconds)
    translator = bound_project(project, translator).translator
    chosen = _chosen(project, streams)
    selection = dg.AssetSelection.assets(*(translator.get_asset_key(model) for model in chosen))

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            found = _statuses(project, chosen)
        except BusyError as error:  # a build has the database: the next tick will see
            return dg.SkipReason(str(error))
        events = [dg.AssetObservation(translator.get_asset_key(one.model), metadata=told_of(one)) for one in found]
        requests = [
            _request(project, translator, one, with_downstream=with_downstream)
            for one in found
            if _is_due(one, backlog, age_seconds) and not _is_running(context, one.model)
        ]
        return dg.SensorResult(run_requests=requests, asset_events=events)

    return dg.SensorDefinition(
        name=name or f"{project.name}_streams",
        evaluation_fn=look,
        asset_selection=selection.downstream() if with_downstream else selection,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description="Launches a run for each stream with enough new events.",
    )


def told_of(status: StreamStatus) -> Mapping[str, Any]:
    """Return the metadata of an observation: the state of a stream without reading its events."""
    told: dict[str, Any] = {"problem": status.problem} if status.problem else {}
    if status.backlog is not None:
        told |= {"backlog": status.backlog.size, "backlog_unit": status.backlog.unit}
    if status.backlog_age is not None:
        told["backlog_seconds"] = round(status.backlog_age.total_seconds(), 3)
    if status.state and status.state.watermark and status.lag is not None:
        told["watermark"] = dg.MetadataValue.timestamp(status.state.watermark.replace(tzinfo=UTC))
        told["lag_seconds"] = round(status.lag.total_seconds(), 3)
    return told


def _refuse_limits(backlog: object, age_seconds: object) -> None:
    """Raise RequestError for limits that launch a run without a backlog, or never."""
    if not isinstance(backlog, int) or isinstance(backlog, bool) or backlog < 1:
        raise RequestError(
            f"stream_sensor: backlog must be a whole number, 1 or more, and not {backlog!r}",
            hint="With backlog=1, a run is launched as soon as anything has arrived.",
        )
    if age_seconds is None:
        return
    if not isinstance(age_seconds, int | float) or isinstance(age_seconds, bool) or not 0 <= age_seconds < math.inf:
        raise RequestError(
            f"stream_sensor: age_seconds must be a number of seconds, 0 or more, and not {age_seconds!r}",
            hint="Without age_seconds, a smaller backlog waits until it is large enough.",
        )


def _chosen(project: Project, names: Collection[str] | None) -> list[Model]:
    known = {model.name: model for model in streams_of(project)}
    for name in names or ():
        if name not in known:
            raise RequestError(f"{name!r} is not a stream of {project.name}", hint=nearest(name, known), code="FFT-301")
    return [model for model in known.values() if names is None or model.name in names]


def _statuses(project: Project, streams: Collection[Model]) -> list[StreamStatus]:
    with Run(project).open(read_only=True, patience_seconds=1) as warehouse:
        try:
            return [stream_status(warehouse, model) for model in streams]
        except FftError as error:
            warehouse.masker.error(error)
            raise


def _is_due(status: StreamStatus, backlog: int, age_seconds: float | None) -> bool:
    if status.backlog is None or not status.backlog.size or (status.state and status.state.holding):
        return False
    age = status.backlog_age
    is_old = age_seconds is not None and age is not None and age.total_seconds() >= age_seconds
    return status.backlog.size >= backlog or is_old


def _is_running(context: dg.SensorEvaluationContext, model: Model) -> bool:
    filters = dg.RunsFilter(statuses=_BEGUN, tags={STREAM_TAG: model.name})
    return bool(context.instance.get_run_records(filters, limit=1))


def _request(
    project: Project, translator: FftTranslator, status: StreamStatus, *, with_downstream: bool
) -> dg.RunRequest:
    """Return the request of a run, with one key for the same backlog at the same position: a run may have failed."""
    model = status.model
    names = [model.name, *(sorted(project.downstream(model.name)) if with_downstream else ())]
    nodes = [project.node(name) for name in names]
    stored = [node for node in nodes if not (isinstance(node, Model) and node.is_ephemeral)]
    at = [status.state.position if status.state else {}, status.backlog.size if status.backlog else 0]
    return dg.RunRequest(
        run_key=f"{model.name}:{digest_of(at)[:32]}",
        asset_selection=[translator.get_asset_key(node) for node in stored],
        tags={STREAM_TAG: model.name},
    )
