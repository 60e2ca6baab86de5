"""The work of a run, as a command or a schedule requests it; a scheduler carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fft_core.plan.attached import sets_attachments
from fft_core.plan.decision import Decision, Plan, Request
from fft_core.project.model import Check, Model, Project
from fft_core.run.results import NodeKind, NodeRunResult

if TYPE_CHECKING:
    from fft_core.run.run import Run


@dataclass(frozen=True)
class Work:
    """The work of a run.

    Attributes:
        command: The command, for a tag of the run.
        builds: The models and seeds that have their turn, with their checks.
        defer: The environment from which inputs that are not built are read; none if empty.
        planned: The nodes of `builds` that the plan expects to build, not to reuse; None for all.
        checks: Checks that run alone, on published rows.
        request: The cache mode, and the nodes to build even if nothing changed.
        jobs: The number of steps that run at a time; None for the executor's choice.
        keep_going: Whether other branches continue after a failure.
        plan: The plan, if it is to be shown.
        reused: The results of the nodes that are left as they are, and have no turn.
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
    """The work that follows from a plan: models and seeds with their checks, checks alone, and reused nodes.

    `what` describes it for people. `planned` has the nodes of `builds` that the plan expects to build, not to reuse.
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
        """Return the work in the form for a scheduler.

        Args:
            command: The command, for a tag of the run.
            run: The run that made the plan.
            jobs: The number of steps that run at a time; if None, that of the profile, else the scheduler's choice.
            keep_going: Whether other branches continue after a failure.
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
    """Return the results of nodes that are left as they are."""
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
    """Return the kind of a node."""
    node = project.node(name)
    return node.kind if isinstance(node, Model) else "seed"


def planned(project: Project, plan: Plan, *, checks_alone: bool) -> Todo:
    """Return the work of a plan: its builds, and grants, indexes and constraints to set.

    With `checks_alone`, the work includes checks that are due without a build.
    """
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
    """Return the checks of the sources that models read; they are separate steps."""
    models = [project.models[name] for name in names if name in project.models]
    read = {source for model in models for source in project.stored_inputs(model)}
    return tuple(check for source in project.sources if source in read for check in project.checks_of(source))
