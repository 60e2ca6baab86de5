"""The nodes and sources that a run reads from another environment, as of its last look at the databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fft_core.names import Relation
from fft_core.plan.fingerprint import NodeIdentity
from fft_core.plan.reads import InputPlace
from fft_core.plan.records import Remembered
from fft_core.project.model import SourceName


@dataclass(frozen=True)
class Deferred:
    """The nodes and sources that a run reads from another environment, and the state of that environment.

    Attributes:
        env: The name of that environment.
        relations: The relation that is read there, for each model, seed or source.
        absent: The nodes and sources that exist in neither environment, with their places in both.
        there: The records of that environment, and the state of its relations.
    """

    env: str = ""
    relations: Mapping[str | SourceName, Relation] = field(default_factory=dict)
    absent: Mapping[str, tuple[Relation, Relation]] = field(default_factory=dict)
    there: Remembered = field(default_factory=Remembered)

    def identity(self, identity: NodeIdentity) -> NodeIdentity:
        """Return the identity of a node in this run: the text of a view names the places of its inputs."""
        is_text = identity.is_view or identity.config.get("materialized") == "materialized_view"
        if not is_text or not any(name in self.relations for name in identity.inputs):
            return identity
        return replace(identity, inputs=tuple(map(self._name, identity.inputs)))

    def place(self, name: str | SourceName, own: Relation, env: str) -> InputPlace:
        """Return the place where an input is read: in this environment, or in the other one."""
        relation = self.relations.get(name)
        return InputPlace(str(name), str(relation or own), self.env if relation else env)

    def _name(self, name: str) -> str:
        relation = self.relations.get(name)
        return name_elsewhere(name, relation) if relation else name


def name_elsewhere(name: str, relation: Relation) -> str:
    """Return the input name of a node that is read in another environment: a view's inputs include their places.

    It has no blank: names with a blank are those of user-defined objects, see `is_definition`.
    """
    return f"{name}@{relation}".replace(" ", "%20")
