"""The metadata of a build, for its asset: plain values, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fft_core.engines.spec.masking import Masker
from fft_core.json_files.artifacts import plain_json

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult
    from fft_core.checks.results import CheckResult


def built_metadata(result: BuildResult, masker: Masker) -> dict[str, Any]:  # Any: values of JSON
    """Return the metadata of a build: rows, data version, reasons, columns and checks, times in seconds."""
    decision = result.decision
    known: dict[str, Any] = {
        "relation": str(result.relation),
        "rows": result.row_count,
        "data_version": result.data_version,
        "fingerprint": result.fingerprint,
        "reasons": [masker(str(reason)) for reason in decision.reasons],
        "columns": {column.name: column.type for column in result.columns},
        "checks": [_check(check, masker) for check in result.checks],
        "built_at": result.built_at.isoformat(),
        "seconds": round(result.seconds, 3),
        "query_seconds": round(result.query_seconds, 3),
    }
    if decision.is_increment:
        known |= {"increment": True, "changes": dict(result.changes)}
    if result.size_bytes is not None:
        known["bytes"] = result.size_bytes
    if result.bytes_scanned is not None:
        known["bytes_scanned"] = result.bytes_scanned
    if result.views:
        known["judged_by_views"] = [view.name for view in result.views]
    if result.http:
        known["http"] = dict(result.http)
    return known


def _check(result: CheckResult, masker: Masker) -> dict[str, Any]:  # Any: as above
    found: dict[str, Any] = {
        "name": result.check.name,
        "outcome": result.outcome,
        "severity": result.check.severity,
        "failing_rows": result.failing_rows,
        "said": masker(result.summary),
    }
    return {**found, **({"meta": plain_json(result.check.meta)} if result.check.meta else {})}
