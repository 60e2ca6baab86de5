"""The call of a check whose function comes from the scheduler: it gets the rows as a frame of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fft_core.errors import FftError, ModelError, message_of
from fft_core.frames import from_arrow
from fft_core.project.model import Check, JudgedRows, Verdict

if TYPE_CHECKING:
    import pyarrow as pa


def called_judge(check: Check, rule: JudgedRows, rows: pa.Table) -> Verdict:
    """Call the function of a check with rows, and return its verdict.

    Args:
        check: The check.
        rule: Its rule.
        rows: All rows to judge, as an Arrow table.

    Raises:
        FftError: no function was passed for the check.
        ModelError: the function fails, or the rows cannot be converted to its kind of frame.
    """
    if rule.judge is None:
        raise FftError(
            f"the check {check.name} of {check.node} is a check of Dagster, and its function was not passed",
            where=check.location,
            hint="Run it in Dagster, or by fft build: they load its file.",
            code="FFT-503",
        )
    try:
        return rule.judge.judge(from_arrow(rows, rule.judge.frame))
    except FftError as error:
        message = f"check {check.name} of {check.node}: {error.problem.message}"
        raise ModelError(message, where=check.location, hint=error.problem.hint, code="FFT-503") from error.__cause__
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
        raise ModelError(
            f"check {check.name} of {check.node} raised {said}", where=check.location, code="FFT-503"
        ) from error
