"""What a plan tells of a build beside its reasons: who reads it, and where its own inputs are read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadByView:
    """A checked view that is live over what is built: its blocking checks judge the rows before they are published.

    They do so in the build of `judged_with`, which is a later one where the run builds several tables below the view.
    """

    view: str
    judged_with: str

    def said_of(self, name: str) -> str:
        """Say to people what it means for a node."""
        if self.judged_with == name:
            return f"read by the view {self.view}: its checks judge first"
        return f"read by the view {self.view}: published before its checks judge, which they do with {self.judged_with}"


@dataclass(frozen=True)
class InputPlace:
    """Where an input is read, if a run reads some from another environment."""

    name: str
    relation: str
    environment: str

    def __str__(self) -> str:
        return f"reads {self.name} from {self.relation} ({self.environment})"
