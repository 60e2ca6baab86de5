"""`fastflowtransform.hooks.types`: the argument of a Python hook, for annotations."""

from __future__ import annotations

from typing import Any, TypedDict


class RunContext(TypedDict, total=False):
    """A run, as hooks see it."""

    run_id: str
    env_name: str
    engine_name: str
    started_at: str
    status: str | None
    row_count: int | None
    error: str | None


class ModelContext(TypedDict, total=False):
    """A model, as hooks see it. A value that is not known yet is None."""

    name: str
    path: str
    tags: list[str]
    meta: dict[str, Any]
    status: str | None
    rows_affected: int | None
    elapsed_ms: float | None
    error: str | None


class HookContext(TypedDict, total=False):
    """The argument of a Python hook."""

    when: str
    run: RunContext
    model: ModelContext | None
    env: dict[str, str]
    run_stats: dict[str, Any]
    model_stats: dict[str, Any]
    params: dict[str, Any]
