"""Hooks of a run: statements and functions before and after it, and before and after each model that it builds.

Their arguments are as documented for FFT. A hook runs outside of a build's stage: a build publishes all of its rows or
none, and no hook can change that.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fft_core.errors import FftError, RequestError
from fft_core.names import logical_name, model_name
from fft_core.project.model import Hook, Model, Phase, Project
from fft_core.warehouse.records import delete_record
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult


class HookError(FftError):
    """The failure of a hook; `hook` is its name, and `phase` the phase in which it ran."""

    default_code = "FFT-440"

    def __init__(self, hook: Hook, cause: FftError, hint: str | None = None) -> None:
        self.hook, self.phase = hook.name, hook.phase
        problem = cause.problem
        where = problem.where or hook.place
        said = f"the hook {hook.name!r} of {hook.phase} failed: {problem.message}"
        super().__init__(said, where=where, hint=hint or problem.hint)


@dataclass
class RunStats:
    """The totals of the models of a run so far."""

    built: int = 0
    rows: int = 0
    seconds: float = 0.0
    failed: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for hooks in Python."""
        return {
            "models_built": self.built,
            "rows_affected": self.rows,
            "elapsed_ms": round(self.seconds * 1000, 3),
            "models_failed": list(self.failed),
        }


class Hooks:
    """The hooks of one run. Threads may share it.

    Args:
        project: The project of the hooks.
        session: Returns the session of the calling thread.
    """

    def __init__(self, project: Project, session: Callable[[], Warehouse]) -> None:
        self._project = project
        self._session = session
        self._run_id = ""
        self._lock = threading.Lock()
        self._started_at: datetime | None = None
        self._failed: HookError | None = None  # of on_run_start
        self._has_ended = False
        self._stats = RunStats()

    @property
    def has_begun(self) -> bool:
        """Whether the run has begun and not ended."""
        return self._started_at is not None and self._failed is None and not self._has_ended

    def begin(self, run_id: str | None = None) -> None:
        """Run the hooks of on_run_start, once. Raises HookError, also at later calls: nothing is built then.

        Args:
            run_id: The id of the run for hooks; None for a new one.
        """
        if not self._project.hooks:
            return
        with self._lock:
            if self._started_at is None:
                self._run_id, self._started_at = run_id or uuid.uuid4().hex, datetime.now(UTC)
                try:
                    _ = self._chosen  # an invalid selector is an error before any hook runs
                    self._run_all(self._session(), "on_run_start", None)
                except HookError as error:
                    self._failed = error
            if self._failed is not None:
                raise self._failed

    def end(self, error: str | None = None) -> None:
        """Run the hooks of on_run_end, once, if the run has begun. Raises HookError, after all of them have run.

        Args:
            error: The error of the run, if it failed.
        """
        with self._lock:
            if not self.has_begun:
                return
            self._has_ended = True
            failed = error or (f"failed: {', '.join(self._stats.failed)}" if self._stats.failed else None)
            self._run_all(self._session(), "on_run_end", None, failed)

    def before(self, warehouse: Warehouse, model: Model) -> None:
        """Run the hooks of before_model. Raises HookError: the model is not built then."""
        self._run_all(warehouse, "before_model", model)

    def after(self, warehouse: Warehouse, model: Model, outcome: BuildResult | FftError) -> None:
        """Run the hooks of after_model, when the model is published or has failed.

        Raises:
            HookError: a hook failed after a build. The rows stay published, and the record is removed, so that the next
                run builds the model again.
        """
        with self._lock:
            if isinstance(outcome, FftError):
                self._stats.failed.append(model.name)
            else:
                self._stats.built += 1
                self._stats.rows += outcome.row_count
                self._stats.seconds += outcome.seconds
        try:
            self._run_all(warehouse, "after_model", model, outcome=outcome)
        except HookError:
            if not isinstance(outcome, FftError):
                with warehouse.engine.transaction():
                    delete_record(warehouse.engine, model.name, warehouse.place_text(model.name))
                raise

    def caused(self, error: FftError) -> bool:
        """Return whether an error is that of a hook."""
        return isinstance(error, HookError)

    def _of(self, phase: Phase, model: Model | None) -> Sequence[Hook]:
        hooks = self._by_phase.get(phase, ())
        return [hook for hook in hooks if model is None or model.name in self._chosen[id(hook)]]

    @cached_property
    def _by_phase(self) -> Mapping[Phase, Sequence[Hook]]:
        found: dict[Phase, list[Hook]] = {}
        for hook in self._project.hooks:
            found.setdefault(hook.phase, []).append(hook)
        return found

    @cached_property
    def _chosen(self) -> Mapping[int, frozenset[str]]:
        """The models of each hook, by its `id()`: those that one of its selectors selects."""
        every = frozenset(self._project.models)
        return {
            id(hook): frozenset().union(*(self._select(hook, text) for text in hook.select)) if hook.select else every
            for hook in self._project.hooks
        }

    def _select(self, hook: Hook, text: str) -> frozenset[str]:
        """Select models by a selector of a hook. Raises HookError if it is not valid, or names an unknown model."""
        from fft_core.project.model.selection import select  # most projects have no hooks

        if model_name(text) in self._project.elsewhere:
            return frozenset()
        try:
            return select(self._project, [text])
        except RequestError as error:
            raise HookError(hook, error) from error

    def _run_all(
        self,
        warehouse: Warehouse,
        phase: Phase,
        model: Model | None,
        error: str | None = None,
        outcome: BuildResult | FftError | None = None,
    ) -> None:
        hooks, first = self._of(phase, model), None
        for hook in hooks:
            try:
                self._run_one(warehouse, hook, self._context(hook, model, error, outcome))
            except FftError as failed:
                first = first or HookError(hook, failed)
                if phase != "on_run_end":  # all hooks of on_run_end run
                    break
        if first is not None:
            raise first

    def _run_one(self, warehouse: Warehouse, hook: Hook, context: Mapping[str, Any]) -> None:
        """Run a hook; one in SQL in a session of its own, in which unqualified names mean the profile's schema."""
        try:
            if hook.sql is None:
                warehouse.compiler.call_hook(hook, context)
                return
            warehouse.ensure_schema(warehouse.relation("any"))
            told = (f"hook {hook.name}", self._run_id)
            with closing(warehouse.session()) as own, own.engine.turn(), own.engine.trace.about(*told):
                engine = own.engine
                used = engine.spelling.use_schema(warehouse.relation("any"))
                if used is not None:
                    engine.execute(used)
                given = {name: context[name] for name in ("run", "model", "params")}
                given["node"] = context["model"]
                statements = warehouse.compiler.hook_statements(hook, warehouse.naming, given)
                with engine.transaction() if len(statements) > 1 else nullcontext():
                    for statement in statements:
                        engine.execute(statement)
        except FftError as error:
            warehouse.masker.error(error)
            raise

    def _context(
        self, hook: Hook, model: Model | None, error: str | None, outcome: BuildResult | FftError | None
    ) -> Mapping[str, Any]:
        stats = self._stats.to_dict()
        is_over = hook.phase == "on_run_end"
        run = {
            "run_id": self._run_id,
            "env_name": self._project.env,
            "engine_name": self._project.engine,
            "started_at": (self._started_at or datetime.now(UTC)).isoformat(),
            "status": ("error" if error else "success") if is_over else None,
            "row_count": self._stats.rows if is_over else None,
            "error": error,
        }
        about = _about(model, outcome) if model is not None else None
        return {
            "when": hook.phase,
            "run": run,
            "model": about,
            "env": {n: v for n, v in self._project.environment.items() if n.startswith("FF_")},
            "run_stats": stats if is_over else {},
            "model_stats": {k: about[k] for k in ("rows_affected", "elapsed_ms")} if about and outcome else {},
            "params": dict(hook.params),
        }


def _about(model: Model, outcome: BuildResult | FftError | None) -> dict[str, Any]:
    """Return the description of a model for hooks, as in FFT: a SQL model has the name of its file, with `.ff`."""
    failed = outcome if isinstance(outcome, FftError) else None
    built = outcome if not isinstance(outcome, FftError) else None
    return {
        "name": logical_name(model.path) if model.kind == "sql" else model.name,
        "path": model.path.as_posix(),
        "tags": list(model.tags),
        "meta": {"materialized": model.materialization.name, "tags": list(model.tags)},
        "status": "success" if built else "error" if failed else None,
        "rows_affected": built.row_count if built else None,
        "elapsed_ms": round(built.seconds * 1000, 3) if built else None,
        "error": failed.problem.message if failed else None,
    }
