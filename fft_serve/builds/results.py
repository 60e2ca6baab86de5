"""The results of runs without rows: who may see that a check failed may not see the rows that failed."""

from __future__ import annotations

from typing import Any

from fft_core.engines.spec.masking import Masker
from fft_core.run.results import NodeRunResult


def result_json(result: NodeRunResult, mask: Masker) -> dict[str, Any]:
    """Return what became of a node as plain values, without the rows that failed its checks."""
    said = result.masked(mask).to_json()
    for check in said["checks"]:
        check["sample"], check["sample_columns"] = [], []
    if said["error"] is not None and result.status in ("blocked", "checked"):
        said["error"]["hint"] = None  # the first row that failed
    return said


def without_errors(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result without the text of its error, in which a database may quote values."""
    return {**result, "error": None if result["error"] is None else {"message": result["status"]}}
