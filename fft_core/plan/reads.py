"""The readers and the places of the inputs of a build, as a plan shows them beside the reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadByView:
    """A checked view over a node that is built: its blocking checks judge the rows before they are published.

    They do so in the build of `judged_with`, the last of the tables below the view that the run builds.
    """

    view: str
    judged_with: str

    def said_of(self, name: str) -> str:
        """Return, for people, the meaning of this view for a node."""
        if self.judged_with == name:
            return f"read by the view {self.view}: its checks run first"
        return f"read by the view {self.view}: published before its checks run, in the build of {self.judged_with}"


@dataclass(frozen=True)
class InputPlace:
    """The place of an input, if a run reads some inputs from another environment."""

    name: str
    relation: str
    environment: str

    def __str__(self) -> str:
        return f"reads {self.name} from {self.relation} ({self.environment})"
