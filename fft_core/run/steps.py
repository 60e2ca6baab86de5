"""The steps of a run, for every scheduler: the node of each, the nodes that it waits for, and its outcome."""

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
    """Return the result of each step of some work before it begins; a source stands for its checks."""
    relation = planned_relations(project)
    steps = dict[str | SourceName, NodeRunResult]()
    for name in dict.fromkeys([*work.builds, *(check.node for check in work.checks)]):
        node = project.sources[name] if isinstance(name, SourceName) else project.node(name)
        steps[name] = not_started(node, relation(name))
    return steps


def waits_of(project: Project, builds: tuple[str, ...], live_views: LiveViews) -> dict[str, frozenset[str]]:
    """Return the nodes that each model and seed waits for, through ephemeral models, also nodes outside of the run."""

    def stored(name: str) -> frozenset[str]:
        node = project.models.get(name)
        return waited(name) if node is not None and node.is_ephemeral else frozenset({name})

    def waited(name: str) -> frozenset[str]:
        return frozenset().union(*map(stored, project.waits_for(name)))

    return {name: waited(name) | frozenset(live_views.goes_after(name)) for name in builds}


class StepOutcomes:
    """The outcomes of the steps of one run so far. Only `tell` may be called by several threads at once.

    Args:
        steps: The result of each step before it begins.
        reads: The names of the nodes that each node waits for.
        masker: Masks secrets in the results.
    """

    def __init__(self, steps: Iterable[NodeRunResult], reads: Mapping[str, Set[str]], masker: Masker) -> None:
        self._steps = {step.name: step for step in steps}
        self._reads = reads
        self._masker = masker
        self._found: dict[str, StepEnded] = {}
        self._told: dict[str, datetime] = {}  # the times of the reports in _found
        self._started: dict[str, datetime] = {}
        self._ended: dict[str, NodeRunResult] = {}
        self._views: dict[str, tuple[CheckResult, ...]] = {}  # by view: results on rows that were not published

    def tell(self, outcome: StepStarted | StepEnded) -> None:
        """Take a report of a step about itself; called in the step's thread, before the step has ended."""
        match outcome:
            case StepStarted(name, at):
                self._started[name] = at
            case StepEnded(result):
                self._views.update({view.name: view.results for view in outcome.views})
                self._found[result.name] = outcome
                self._told[result.name] = datetime.now(UTC)

    def found(self, name: str) -> StepEnded | None:
        """Return the end that a step has reported, if it has."""
        return self._found.get(name)

    def begin(self, name: str) -> StepStarted:
        """Note that a step has begun: at the time that it has reported, or now."""
        return StepStarted(name, self._started.setdefault(name, datetime.now(UTC)))

    def end(self, ended: StepEnded) -> StepEnded:
        """Note the end of a step; return it with its times, and with masked secrets."""
        result, started = ended.result, self._started.get(ended.result.name)
        if started is not None:
            taken = self._told.get(result.name, datetime.now(UTC)) - started
            milliseconds = round(taken.total_seconds() * 1000) if result.duration_ms is None else result.duration_ms
            result = replace(result, started_at=started, duration_ms=milliseconds)
        result = result.masked(self._masker)
        self._ended[result.name] = result
        return replace(ended, result=result)

    def skip(self, name: str) -> StepEnded:
        """Note that a step has no turn, because a node that it waits for failed."""
        return self._end_without_turn(StepEnded(replace(self._steps[name], status="skipped"), self.lacks(name)))

    def lacks(self, name: str) -> tuple[str, ...]:
        """Return the failed, blocked and skipped nodes that a node waits for, each as a text with its status."""
        reads = [self._ended[read] for read in sorted(self._reads.get(name, ())) if read in self._ended]
        missing = ("failed", "blocked", "skipped")
        return tuple(f"{read.name}: {read.status}" for read in reads if read.status in missing)

    @property
    def working(self) -> tuple[str, ...]:
        """The names of the steps that have begun and not ended."""
        return tuple(name for name in self._steps if name in self._started and name not in self._ended)

    def rest(self) -> Iterator[StepEnded]:
        """Note the outcomes of all other steps, when the run is over; yield them."""
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
        """End a step without a turn; add the results of a view's checks that ran in the builds of its inputs."""
        judged = with_checks(ended.result, self._views.get(ended.result.name, ()))
        return self.end(replace(judged, remarks=(*ended.remarks, *judged.remarks)))
