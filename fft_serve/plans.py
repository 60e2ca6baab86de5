"""`GET /plan`: what a build would do, and why. The warehouse is opened as a command opens it, and closed again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fft_core import Request, Run
from fft_core.errors import BusyError, ConnectError, FftError, RequestError
from fft_core.project.model.project import without_hooks
from fft_core.run.select.facts import select_nodes
from fft_serve.problems import ProblemError

if TYPE_CHECKING:
    from fft_core import Plan, Project
    from fft_serve.state import Loaded

_one_at_a_time = threading.Lock()


def chosen_nodes(project: Project, select: str | None, allowed: str = "") -> frozenset[str]:
    """Return the nodes of a selection within the allowed one. Raises ProblemError."""
    if select and "state:" in select:
        raise ProblemError("bad_parameter", "state: is not for selections over HTTP: a plan says what has changed")
    try:
        chosen = select_nodes(project, [select] if select else [], [])
        within = select_nodes(project, [allowed], []) if allowed else None
    except RequestError as error:
        raise ProblemError("bad_parameter", str(error.problem.message), hint=error.problem.hint) from error
    except FftError as error:
        raise ProblemError("unavailable", error.problem.message, headers={"Retry-After": "5"}) from error
    if within is not None and select and not chosen <= within:
        others = ", ".join(sorted(chosen - within)[:10])
        raise ProblemError("forbidden", f"builds over HTTP may not contain {others}")
    return chosen if within is None else chosen & within


def request_of(rebuild: bool) -> Request:
    """Return the request of a build: of all nodes, or of those that are out of date."""
    return Request("rw", ("*",) if rebuild else ())


def make_plan(
    loaded: Loaded, select: str | None, patience_seconds: int, allowed: str = "", *, rebuild: bool = False
) -> Plan:
    """Decide for a selection. Raises ProblemError; with Retry-After if others have the database."""
    if not _one_at_a_time.acquire(timeout=patience_seconds):
        raise ProblemError("busy", "another plan is being made", headers={"Retry-After": "1"})
    try:
        project = without_hooks(loaded.project)
        chosen = chosen_nodes(project, select, allowed)
        run = Run(project, request_of(rebuild), nodes=chosen)
        with run.open(read_only=True, patience_seconds=patience_seconds) as warehouse:
            return run.plan(warehouse, chosen)
    except BusyError as error:
        headers = {"Retry-After": str(max(1, patience_seconds))}
        raise ProblemError("busy", loaded.masker(error.problem.message), headers=headers) from error
    except ConnectError as error:
        said = loaded.masker(error.problem.message)
        raise ProblemError("unavailable", said, headers={"Retry-After": "5"}) from error
    except FftError as error:
        raise ProblemError("conflict", loaded.masker(error.problem.message)) from error
    finally:
        _one_at_a_time.release()


def plan_json(plan: Plan, mask: Any) -> list[dict[str, Any]]:
    """Return the decisions of a plan as plain values; `mask` hides secrets in reasons."""
    return [
        {
            "name": decision.name,
            "action": decision.action,
            "reasons": [{"kind": reason.kind, "detail": mask(reason.detail)} for reason in decision.reasons],
        }
        for decision in plan.decisions
    ]
