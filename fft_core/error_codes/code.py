"""The code of a kind of error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorCode:
    """A kind of mistake: its number, which never changes, and its title, cause and cure in plain English."""

    number: int
    title: str
    cause: str
    cure: str

    def __str__(self) -> str:
        return f"FFT-{self.number}"
