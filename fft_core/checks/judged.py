"""Checks that a function of the scheduler's judges: it is handed the rows as a frame."""

from __future__ import annotations

from fft_core.engines.protocol import Session
from fft_core.errors import FftError, ModelError, message_of
from fft_core.frames import from_arrow
from fft_core.names import Relation
from fft_core.project.model import Check, JudgedRows, Verdict


def verdict_on(relation: Relation, check: Check, rule: JudgedRows, engine: Session) -> Verdict:
    """Hand the rows of a relation to the function of a check, all of them.

    Args:
        relation: The rows, staged or published.
        check: The check.
        rule: Its rule.
        engine: Where they are.

    Raises:
        FftError: nobody has given the function.
        ModelError: it fails, or the rows have no place in its kind of frame.
    """
    if rule.judge is None:
        raise FftError(
            f"the check {check.name} of {check.node} is a check of Dagster, and its function was not given",
            where=check.location,
            hint="Run it in Dagster, or by fft build: they load its file.",
        )
    rows = engine.frames.read(engine.spelling.select_all(relation))
    try:
        return rule.judge.judge(from_arrow(rows, rule.judge.frame))
    except FftError as error:
        message = f"check {check.name} of {check.node}: {error.problem.message}"
        raise ModelError(message, where=check.location, hint=error.problem.hint) from error.__cause__
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
        raise ModelError(f"check {check.name} of {check.node} raised {said}", where=check.location) from error
