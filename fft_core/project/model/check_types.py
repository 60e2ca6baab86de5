"""The types of checks that a project defines itself, as they are documented."""

from __future__ import annotations

from dataclasses import dataclass

from fft_core.errors import Location


@dataclass(frozen=True)
class CheckParam:
    """A parameter that a test of the type may give: its type and its default as they are written, if they are."""

    name: str
    type: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class CheckType:
    """A type of checks: a query or a function below tests/.

    Attributes:
        name: What tests say as their type.
        location: Where it is.
        params: What tests may say beside the keys of all types; None if nobody can tell without running it.
        description: What its file says of it.
    """

    name: str
    location: Location
    params: tuple[CheckParam, ...] | None = ()
    description: str | None = None
