"""What a run reads from another environment, as it found it when it looked."""

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
    """What a run reads from another environment, and what was built there.

    Attributes:
        env: The name of that environment.
        relations: Where it is read there, by models, seeds and sources.
        absent: What is neither here nor there, with both places.
        there: The records of that environment, and what exists there.
    """

    env: str = ""
    relations: Mapping[str | SourceName, Relation] = field(default_factory=dict)
    absent: Mapping[str, tuple[Relation, Relation]] = field(default_factory=dict)
    there: Remembered = field(default_factory=Remembered)

    def identity(self, identity: NodeIdentity) -> NodeIdentity:
        """Give what identifies a node by where it reads: the text of a view names the place, and follows it."""
        is_text = identity.is_view or identity.config.get("materialized") == "materialized_view"
        if not is_text or not any(name in self.relations for name in identity.inputs):
            return identity
        return replace(identity, inputs=tuple(map(self._name, identity.inputs)))

    def place(self, name: str | SourceName, own: Relation, env: str) -> InputPlace:
        """Say where an input is read: here, or in the other environment."""
        relation = self.relations.get(name)
        return InputPlace(str(name), str(relation or own), self.env if relation else env)

    def _name(self, name: str) -> str:
        relation = self.relations.get(name)
        return name_elsewhere(name, relation) if relation else name


def name_elsewhere(name: str, relation: Relation) -> str:
    """Name a node that is read in another environment: for views, a place of its own is another input.

    It has no blank: a name with one is that of what users defined, see `is_definition`.
    """
    return f"{name}@{relation}".replace(" ", "%20")
