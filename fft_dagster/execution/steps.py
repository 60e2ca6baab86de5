"""The steps of a run and their state: which are ready, which wait for a slot of a pool or for a retry."""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable, Container, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

# All of these are private. The class that uses a name states what it relies on.
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.storage.tags import GLOBAL_CONCURRENCY_TAG

from fft_core.run.order import inverted

if TYPE_CHECKING:
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.step import ExecutionStep

# The latest time after which a termination, a freed slot of a pool, or an event of a running step is noticed.
TICK_SECONDS = 0.1


class Pools(InstanceConcurrencyContext):
    """The claims of a run's steps on slots of pools, and the times to ask again for missing ones. Private."""

    def free_step(self, step_key: str) -> None:
        """Free the slot of a step; stock would let the next step of the same run wait for 1 to 15 seconds."""
        was_claimed = step_key in self._claims
        super().free_step(step_key)
        if was_claimed:
            self._pending_timeouts.update(dict.fromkeys(self._pending_timeouts, 0.0))

    def withdraw(self) -> None:
        for step_key in self.pending_claim_steps():
            self._instance.event_log_storage.free_concurrency_slot_for_step(self._run_id, step_key)
            self._pending_claims.remove(step_key)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        for step_key in list(self._claims):  # steps left behind, in a process that is about to end
            self.free_step(step_key)


class Steps(ActiveExecution):
    """Dagster's state machine of a plan's steps, without its scans of all steps at each event. Private.

    Relies on _update moving steps from _pending to _executable, and on _mark_complete for every step that ends.
    """

    def __init__(self, plan: ExecutionPlan, *, rank: Callable[[ExecutionStep], float], **options: Any) -> None:
        self._dependents: dict[str, list[str]] | None = None
        self._changed: set[str] = set()
        self._known_state = KnownExecutionState(
            step_output_versions=plan.known_state.step_output_versions, parent_state=plan.known_state.parent_state
        )
        limited = any(step.pool or GLOBAL_CONCURRENCY_TAG in (step.tags or {}) for step in plan.step_dict.values())
        self._takes_best_first = not limited and not options["tag_concurrency_limits"]
        super().__init__(plan, sort_key_fn=rank, **options)

    def _update(self) -> None:
        ready = len(self._executable)
        if self._dependents is None or self._new_dynamic_mappings:
            super()._update()
            self._dependents = inverted(self._pending)
        elif self._changed or self._waiting_to_retry:
            self._update_dependents(self._dependents)
        self._changed.clear()
        fresh = self._executable[ready:]
        del self._executable[ready:]
        for step_key in fresh:
            insort(self._executable, step_key, key=self._rank)

    def _update_dependents(self, dependents: Mapping[str, Sequence[str]]) -> None:
        pending = self._pending
        candidates = {key for changed in self._changed for key in (changed, *dependents.get(changed, ()))}
        self._pending = {key: pending.pop(key) for key in candidates if key in pending}
        super()._update()
        pending.update(self._pending)
        self._pending = pending

    def _rank(self, step_key: str) -> float:
        return self._sort_key_fn(self.get_step_by_key(step_key))

    def _mark_complete(self, step_key: str) -> None:
        super()._mark_complete(step_key)
        self._changed.add(step_key)

    def get_steps_to_execute(self, limit: int | None = None) -> Sequence[ExecutionStep]:
        """Return the best of the ready steps; stock sorts all each time. Only full pools require a look at all."""
        self._update()
        if not self._takes_best_first:
            return super().get_steps_to_execute(limit)
        self._executable, later = self._executable[:limit], self._executable[limit:]
        try:
            return super().get_steps_to_execute(limit)
        finally:
            self._executable = [*self._executable, *later]

    def get_known_state(self) -> KnownExecutionState:
        """Return the state as stock does, without checking the type of every output so far for each step."""
        return self._known_state._replace(
            previous_retry_attempts=self._retry_state.snapshot_attempts(),
            dynamic_mappings=dict(self._completed_dynamic_outputs),
            ready_outputs=self._step_outputs,
        )

    def take(self, keys: Container[str]) -> list[ExecutionStep]:
        """Return the ready steps with these keys, which are running from now on, beyond `max_concurrent`."""
        self._update()
        taken = [key for key in self._executable if key in keys] if self._takes_best_first else []
        self._in_flight.update(taken)
        self._executable = [key for key in self._executable if key not in self._in_flight]
        return [self.get_step_by_key(key) for key in taken]

    def give_back(self, step_key: str) -> None:
        """Let a step that was taken wait for its turn again."""
        self._in_flight.remove(step_key)
        insort(self._executable, step_key, key=self._rank)

    def seconds_to_next_retry(self) -> float:
        return max(0.0, min(self._waiting_to_retry.values(), default=TICK_SECONDS + time.time()) - time.time())

    def abandon_rest(self) -> list[str]:
        steps = (self._pending, self._executable, self._waiting_to_retry, self._pending_skip, self._pending_abandon)
        rest = [step_key for step_keys in steps for step_key in step_keys]
        for step_keys in steps:
            step_keys.clear()
        for step_key in rest:
            self._in_flight.add(step_key)
            self.mark_abandoned(step_key)
        return rest
