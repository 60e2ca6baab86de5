"""The types of checks that a project defines itself, as they are documented."""

from __future__ import annotations

from dataclasses import dataclass

from fft_core.errors import Location


@dataclass(frozen=True)
class CheckParam:
    """A parameter of a type of checks: its name, with its annotated type and its default as written, if any."""

    name: str
    type: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class CheckType:
    """A type of checks that the project defines: a query or a function below tests/.

    Attributes:
        name: The value of `type` in tests.
        location: The file and line of its definition.
        params: The keys that tests may have beside those of all types; None if only running the file can tell.
        description: The description from its file.
    """

    name: str
    location: Location
    params: tuple[CheckParam, ...] | None = ()
    description: str | None = None
