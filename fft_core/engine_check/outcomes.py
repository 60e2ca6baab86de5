"""The results of claims, and the exceptions with which the check of a claim ends if it does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["held", "failed", "not claimed", "unchecked"]


class BrokenClaimError(AssertionError):
    """A claim does not hold; the text describes what was observed."""


class NotClaimedError(Exception):
    """The engine does not claim this, as its session shows; the text is the reason."""


class UncheckedError(Exception):
    """A claim cannot be checked on this database; the text is the reason."""


@dataclass(frozen=True)
class Examined:
    """The result of one claim.

    Attributes:
        name: The short name of the claim.
        claim: The claim, as a sentence.
        declared: The level that the engine declares: "yes", or "emulated" or "no" with the reason; "required" for a
            claim that every engine must fulfill.
        outcome: Whether it held or failed, is not claimed, or could not be checked.
        seconds: The duration of the check.
        details: The observations, or the reason of the outcome.
    """

    name: str
    claim: str
    declared: str
    outcome: Outcome
    seconds: float
    details: str
