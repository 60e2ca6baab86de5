"""Decisions about nodes, their reasons, and what a user asks of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from fft_core.plan.fingerprint import Fingerprint, NodeIdentity, fingerprint_of
from fft_core.plan.reads import InputPlace, ReadByView
from fft_core.plan.records import BuildRecord

CacheMode: TypeAlias = Literal["off", "rw", "ro", "wo"]
ReasonKind: TypeAlias = Literal[
    "never_built",
    "relation_missing",
    "relation_replaced",
    "place_changed",
    "code_changed",
    "config_changed",
    "kind_changed",
    "environment_changed",
    "profile_changed",
    "format_changed",
    "input_changed",
    "input_may_change",
    "source_changed",
    "source_unversioned",
    "definition_changed",
    "volatile",
    "requested",
    "full_refresh",
    "cache_off",
    "unchanged",
    "checks_changed",
    "attachments_changed",
]


@dataclass(frozen=True)
class Reason:
    """A reason to build or to reuse a node: `kind` for programs, `detail` for people."""

    kind: ReasonKind
    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True)
class Request:
    """The user's request: the options of a run.

    Attributes:
        cache: rw: reuse and record (default). ro: reuse only. wo: rebuild all and record. off: rebuild all only.
        rebuild: Globs of nodes that are built even if nothing changed.
        full_refresh: Globs of incremental models to rebuild from nothing; snapshots only by their whole names.

    >>> from fft_core import Request, Run, load_project
    >>> with Run(load_project("shop"), Request(rebuild=("us*",)), nodes={"raw_users", "users"}) as run:
    ...     results = [run.build(node) for node in run.order()]
    ...     [decision.name for decision in run.plan().builds]
    ['users']
    """

    cache: CacheMode = "rw"
    rebuild: tuple[str, ...] = ()
    full_refresh: tuple[str, ...] = ()

    @property
    def records(self) -> bool:
        """Whether builds are recorded."""
        return self.cache in ("rw", "wo")


@dataclass(frozen=True)
class InputVersion:
    """The data version of an input at the time of the decision.

    `version` is None if the input has none, or if a build in this run will make a new one; `why_open` names the reason.
    `may_stay` is true if that build may leave the rows as they are.
    """

    version: str | None
    may_stay: bool = False
    is_source: bool = False
    why_open: str = "is built first"


@dataclass(frozen=True)
class Decision:
    """The decision about one model or seed, with its reasons.

    `inputs` holds the data versions of the inputs, None for those that are not known yet. `checks` is recorded when the
    checks have passed; it is None if they must run again every time. `is_increment` is true if a build changes the
    existing table instead of replacing it; `is_as_recorded`, if this table is the one of the record. `views` has the
    checked views over the node, in a plan of a whole run; `reads`, the places of its inputs, if a run reads some of
    them from another environment.

    >>> from fft_core import Run, load_project
    >>> with Run(load_project("shop"), path=":memory:") as run:
    ...     decision = run.plan().decisions[0]
    >>> decision.name, decision.action, [str(reason) for reason in decision.reasons]
    ('raw_orders', 'build', ['no build is recorded'])
    """

    name: str
    action: Literal["build", "reuse"]
    reasons: tuple[Reason, ...]
    identity: NodeIdentity
    inputs: Mapping[str, str | None]
    checks: str | None
    record: BuildRecord | None
    is_increment: bool = False
    is_as_recorded: bool = True
    views: tuple[ReadByView, ...] = ()
    reads: tuple[InputPlace, ...] = ()

    @property
    def is_build(self) -> bool:
        """Whether the node is built."""
        return self.action == "build"

    @property
    def checks_are_due(self) -> bool:
        """Whether the checks, as they are written now, have not passed on these rows yet."""
        return self.checks is None or self.record is None or self.record.checks != self.checks

    def fingerprint(self, instead: str) -> Fingerprint:
        """Return the fingerprint to record; an input without a version gets a text that is never used again."""
        versions = {name: version or f"unknown:{instead}" for name, version in self.inputs.items()}
        return fingerprint_of(self.identity, versions)

    def to_json(self) -> dict[str, Any]:
        """Return the plain values that `fft plan --json` prints."""
        reasons = [{"kind": reason.kind, "detail": reason.detail} for reason in self.reasons]
        known = {"model": self.name, "action": self.action, "increment": self.is_increment, "reasons": reasons}
        views = [{"view": read.view, "judged_with": read.judged_with} for read in self.views]
        reads = [asdict(read) for read in self.reads]
        return {**known, **({"read_by_views": views} if views else {}), **({"reads": reads} if reads else {})}


@dataclass(frozen=True)
class Plan:
    """Decisions in build order.

    >>> from fft_core import Run, load_project
    >>> with Run(load_project("shop"), path=":memory:") as run:
    ...     plan = run.plan(selected=frozenset({"raw_users", "users"}))
    >>> [decision.name for decision in plan.builds]
    ['raw_users', 'users']
    """

    decisions: tuple[Decision, ...] = field(default_factory=tuple)

    @property
    def builds(self) -> tuple[Decision, ...]:
        """The decisions to build."""
        return tuple(decision for decision in self.decisions if decision.is_build)

    def to_json(self) -> dict[str, Any]:
        """Return the plain values that `fft plan --json` prints."""
        return {"decisions": [decision.to_json() for decision in self.decisions]}
