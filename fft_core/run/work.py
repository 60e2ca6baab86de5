"""What a run is to do, as a command or a schedule asks for it; a scheduler's face carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fft_core.plan.attached import sets_attachments
from fft_core.plan.decide import Decision, Plan, Request
from fft_core.project.model import Check, Model, Project
from fft_core.run.results import NodeKind, NodeRunResult

if TYPE_CHECKING:
    from fft_core.run.run import Run


@dataclass(frozen=True)
class Work:
    """What a run does.

    Attributes:
        command: Is noted in a tag of the run.
        builds: Models and seeds, with their checks.
        defer: The environment from which is read what is not built; none if empty.
        planned: Those of them that are built by the plan; the others are reused. All where None.
        checks: Checks that run alone, on published rows.
        request: Cache mode and nodes to build in any case.
        jobs: How many steps run at a time; the executor's choice where None.
        keep_going: Whether a failure leaves other branches running.
        plan: What was decided, if somebody is to be shown it.
        reused: What is left as it is, and has no turn.
    """

    command: str
    builds: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    request: Request = field(default_factory=Request)
    jobs: int | None = None
    keep_going: bool = False
    defer: str = ""
    planned: frozenset[str] | None = None
    plan: Plan | None = None
    reused: tuple[NodeRunResult, ...] = ()


@dataclass(frozen=True)
class Todo:
    """What a plan makes a run do: models and seeds with their checks, checks alone, and what is left as it is.

    `what` says it for people. `planned` are those of the builds that the plan does not expect to be reused.
    """

    what: str
    builds: tuple[str, ...] = ()
    planned: frozenset[str] = frozenset()
    checks: tuple[Check, ...] = ()
    reused: tuple[NodeRunResult, ...] = ()
    plan: Plan | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes that have their turn."""
        return tuple(dict.fromkeys([*self.builds, *(str(check.node) for check in self.checks)]))

    def work(self, command: str, run: Run, *, jobs: int | None = None, keep_going: bool = False) -> Work:
        """Return it as a scheduler is given it.

        Args:
            command: Is noted with the run.
            run: The run that it was planned with.
            jobs: How many steps run at a time; as the profile says, or else as the scheduler chooses, if None.
            keep_going: Whether a failure leaves other branches running.
        """
        return Work(
            command,
            self.builds,
            self.checks,
            run.request,
            jobs or run.profile.max_workers,
            keep_going,
            run.defer,
            self.planned,
            self.plan,
            self.reused,
        )


def reused(project: Project, decisions: Sequence[Decision]) -> tuple[NodeRunResult, ...]:
    """Say that nodes are left as they are."""
    return tuple(
        NodeRunResult(
            name=decision.name,
            kind=kind_of(project, decision.name),
            status="reused",
            reasons=decision.reasons,
            rows=decision.record.rows if decision.record else None,
            relation=decision.record.relation if decision.record else None,
        )
        for decision in decisions
    )


def kind_of(project: Project, name: str) -> NodeKind:
    """Say what a node is."""
    node = project.node(name)
    return node.kind if isinstance(node, Model) else "seed"


def planned(project: Project, plan: Plan, *, checks_alone: bool) -> Todo:
    """Say what is done about a plan: builds; with `checks_alone`, the checks that are due without one."""
    late = _served_late(project, plan)
    builds = [
        d
        for d in plan.decisions
        if d.is_build or sets_attachments(d) or (checks_alone and d.checks_are_due) or d.name in late
    ]
    names = tuple(decision.name for decision in builds)
    return Todo(
        f"{len(plan.builds)} to build",
        names,
        frozenset(decision.name for decision in plan.builds),
        _checks_of_sources(project, names) if checks_alone else (),
        reused(project, [decision for decision in plan.decisions if decision.name not in set(names)]),
        plan,
    )


def _served_late(project: Project, plan: Plan) -> frozenset[str]:
    """Name the reused models whose served files are not those of their build: their turn writes them."""
    if all(model.serve is None for model in project.models.values()):
        return frozenset()
    from fft_core.build.serving import is_served_late  # most projects serve nothing

    return frozenset(d.name for d in plan.decisions if not d.is_build and is_served_late(project, d.name, d.record))


def _checks_of_sources(project: Project, names: Sequence[str]) -> tuple[Check, ...]:
    """The checks of the sources that models read: steps of their own."""
    models = [project.models[name] for name in names if name in project.models]
    read = {source for model in models for source in project.stored_inputs(model)}
    return tuple(check for source in project.sources if source in read for check in project.checks_of(source))
