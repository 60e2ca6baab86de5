"""The turn of a model whose rows are served: its files are written in its build, or completed when it is reused."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from fft_core.build.served_files import (
    PendingFiles,
    ServedManifest,
    Withheld,
    complete,
    is_current,
    served_folder,
    write_withheld,
)
from fft_core.checks.results import CheckFailedError, CheckResult
from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import ArtifactError, FftError
from fft_core.names import Relation
from fft_core.plan.records import BuildRecord
from fft_core.project.model import Check, Incremental, Model, Project, Unique
from fft_core.warehouse.warehouse import Warehouse

_log = logging.getLogger(__name__)


def key_of(project: Project, model: Model) -> tuple[str, ...]:
    """Return the columns that order the rows of a model: those that a check says are unique, or its `unique_key`."""
    for check in project.checks_of(model.name):
        if isinstance(check.rule, Unique) and is_strict(check):
            return check.rule.columns
    return model.materialization.unique_key if isinstance(model.materialization, Incremental) else ()


def is_strict(check: Check) -> bool:
    """Return whether rows that fail a check are never published."""
    return check.severity == "error" and not check.where and check.error_if is None and check.scope == "table"


def write_served(
    warehouse: Warehouse,
    model: Model,
    record: BuildRecord,
    columns: Sequence[ColumnType],
    checks: Sequence[CheckResult],
) -> PendingFiles:
    """Write the files of a build that is not committed yet. Raises EngineError, ArtifactError."""
    project = warehouse.project
    folder = served_folder(project.root, project.env, model.name)
    pending = PendingFiles(folder, _manifest(record, columns, checks), project.environment)
    try:
        with_rows = not spec_of(warehouse.engine.name).reader
        if with_rows and not pending.has_rows:
            _write_rows(warehouse, model, columns, pending)
        pending.finish_writing(with_rows=with_rows)
    except BaseException:
        pending.drop()
        raise
    return pending


def complete_served(
    warehouse: Warehouse,
    model: Model,
    record: BuildRecord,
    columns: Sequence[ColumnType],
    checks: Sequence[CheckResult],
) -> None:
    """Write the files of a model that is reused, if they are not those of its build."""
    project = warehouse.project
    folder = served_folder(project.root, project.env, model.name)
    if is_current(folder, record.stamp) or complete(folder, record.stamp, project.environment):
        return
    write_served(warehouse, model, record, columns, checks).publish()


def is_served_late(project: Project, name: str, record: BuildRecord | None) -> bool:
    """Return whether a reused node is served, and its files are not those of its build."""
    model = project.models.get(name)
    if model is None or model.serve is None or record is None:
        return False
    return not is_current(served_folder(project.root, project.env, name), record.stamp)


def note_withheld(warehouse: Warehouse, model: Model, error: FftError, run_id: str | None) -> None:
    """Note that a build of a served model published nothing; the last version stays."""
    project, is_blocked = warehouse.project, isinstance(error, CheckFailedError)
    results = error.results if isinstance(error, CheckFailedError) else ()
    names = tuple(result.check.name for result in results if result.blocks)
    said = warehouse.masker(error.problem.message)
    withheld = Withheld("blocked" if is_blocked else "failed", datetime.now(UTC), run_id, names, said)
    with suppress(ArtifactError):
        write_withheld(served_folder(project.root, project.env, model.name), withheld)


def _write_rows(warehouse: Warehouse, model: Model, columns: Sequence[ColumnType], pending: PendingFiles) -> None:
    engine, place = warehouse.engine, warehouse.place(model.name)
    try:
        pending.rows.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"cannot write {pending.rows.parent}: {error.strerror}", code="FFT-711") from error
    engine.frames.write_parquet(_in_order(warehouse, model, columns, place), pending.rows)


def _in_order(warehouse: Warehouse, model: Model, columns: Sequence[ColumnType], place: Relation) -> str:
    """Render the query of the rows in the order of their key, so that a page is found without reading all of them."""
    spelling = warehouse.engine.spelling
    names = {column.name.lower(): column.name for column in columns}
    key = [names.get(name.lower()) for name in key_of(warehouse.project, model)]
    query = spelling.select_all(place)
    if not key or None in key:
        return query
    return f"{query} order by {', '.join(spelling.quoted(name or '') for name in key)}"


def _manifest(record: BuildRecord, columns: Sequence[ColumnType], checks: Sequence[CheckResult]) -> ServedManifest:
    return ServedManifest(
        model=record.node,
        relation=record.relation,
        data_version=record.data_version,
        stamp=record.stamp,
        built_at=record.built_at,
        run_id=record.run_id,
        rows=record.rows,
        columns=tuple((column.name, column.type) for column in columns),
        checks=tuple(
            {
                "name": result.check.name,
                "status": result.outcome,
                "severity": result.check.severity,
                "message": "" if result.summary == "passed" else result.summary,
            }
            for result in checks
        ),
        inputs=dict(record.fingerprint.inputs) if record.fingerprint else {},
    )
