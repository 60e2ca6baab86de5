"""The steps of a run as every scheduler sees them: what each is for, what it waits for, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import UTC, datetime

from fft_core.checks.results import CheckResult
from fft_core.engines.spec.masking import Masker
from fft_core.project.model import Project, SourceName
from fft_core.run.live_views import LiveViews
from fft_core.run.outcomes import StepEnded, StepStarted, not_started, with_checks
from fft_core.run.results import NodeRunResult
from fft_core.run.work import Work
from fft_core.warehouse.warehouse import planned_relations


def steps_of(project: Project, work: Work) -> dict[str | SourceName, NodeRunResult]:
    """Return what each step of some work is for, as its result begins; a source stands for its checks."""
    relation = planned_relations(project)
    steps = dict[str | SourceName, NodeRunResult]()
    for name in dict.fromkeys([*work.builds, *(check.node for check in work.checks)]):
        node = project.sources[name] if isinstance(name, SourceName) else project.node(name)
        steps[name] = not_started(node, relation(name))
    return steps


def waits_of(project: Project, builds: tuple[str, ...], live_views: LiveViews) -> dict[str, frozenset[str]]:
    """Return what each model and seed waits for, through ephemeral models; not all of it needs to be in the run."""

    def stored(name: str) -> frozenset[str]:
        node = project.models.get(name)
        return waited(name) if node is not None and node.is_ephemeral else frozenset({name})

    def waited(name: str) -> frozenset[str]:
        return frozenset().union(*map(stored, project.waits_for(name)))

    return {name: waited(name) | frozenset(live_views.goes_after(name)) for name in builds}


class StepOutcomes:
    """What became of the steps of one run so far. Not for several threads at once, apart from `tell`.

    Args:
        steps: What each step is for, as its result begins.
        reads: What each of these nodes waits for, by name.
        masker: Masks secrets in what is said of them.
    """

    def __init__(self, steps: Iterable[NodeRunResult], reads: Mapping[str, Set[str]], masker: Masker) -> None:
        self._steps = {step.name: step for step in steps}
        self._reads = reads
        self._masker = masker
        self._found: dict[str, StepEnded] = {}
        self._told: dict[str, datetime] = {}  # when
        self._started: dict[str, datetime] = {}
        self._ended: dict[str, NodeRunResult] = {}
        self._views: dict[str, tuple[CheckResult, ...]] = {}  # what their checks found of what was not published

    def tell(self, outcome: StepStarted | StepEnded) -> None:
        """Take what a step tells of itself; called in its thread, before it has ended."""
        match outcome:
            case StepStarted(name, at):
                self._started[name] = at
            case StepEnded(result):
                self._views.update({view.name: view.results for view in outcome.views})
                self._found[result.name] = outcome
                self._told[result.name] = datetime.now(UTC)

    def found(self, name: str) -> StepEnded | None:
        """Return what a step has told of its end."""
        return self._found.get(name)

    def begin(self, name: str) -> StepStarted:
        """Note that a step has begun: now, or when it has told itself."""
        return StepStarted(name, self._started.setdefault(name, datetime.now(UTC)))

    def end(self, ended: StepEnded) -> StepEnded:
        """Note the end of a step; return it with its times, and without secrets."""
        result, started = ended.result, self._started.get(ended.result.name)
        if started is not None:
            taken = self._told.get(result.name, datetime.now(UTC)) - started
            milliseconds = round(taken.total_seconds() * 1000) if result.duration_ms is None else result.duration_ms
            result = replace(result, started_at=started, duration_ms=milliseconds)
        result = result.masked(self._masker)
        self._ended[result.name] = result
        return replace(ended, result=result)

    def skip(self, name: str) -> StepEnded:
        """Note that a step has no turn, as what it waits for failed."""
        return self._end_without_turn(StepEnded(replace(self._steps[name], status="skipped"), self.lacks(name)))

    def lacks(self, name: str) -> tuple[str, ...]:
        """Say what a node waits for in vain."""
        reads = [self._ended[read] for read in sorted(self._reads.get(name, ())) if read in self._ended]
        missing = ("failed", "blocked", "skipped")
        return tuple(f"{read.name}: {read.status}" for read in reads if read.status in missing)

    @property
    def working(self) -> tuple[str, ...]:
        """The steps that have begun and not ended."""
        return tuple(name for name in self._steps if name in self._started and name not in self._ended)

    def rest(self) -> Iterator[StepEnded]:
        """Note what became of the others, when the run is over."""
        for step in self._steps.values():
            if step.name in self._ended:
                continue
            if step.name in self._started:
                yield self.end(StepEnded(replace(step, status="interrupted")))
            elif self.lacks(step.name):
                yield self.skip(step.name)
            else:
                yield self._end_without_turn(StepEnded(replace(step, status="not_started")))

    def _end_without_turn(self, ended: StepEnded) -> StepEnded:
        """Add what the checks of a view found before its turn, which did not come."""
        judged = with_checks(ended.result, self._views.get(ended.result.name, ()))
        return self.end(replace(judged, remarks=(*ended.remarks, *judged.remarks)))
