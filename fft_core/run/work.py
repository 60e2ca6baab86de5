"""What a run is to do, as a command or a schedule asks for it; a scheduler's face carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field

from fft_core.plan.decide import Request
from fft_core.project.model import Check


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
    """

    command: str
    builds: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    request: Request = field(default_factory=Request)
    jobs: int | None = None
    keep_going: bool = False
    defer: str = ""
    planned: frozenset[str] | None = None
