"""Grants, indexes and constraints of a node: set when it is published, or without a build if only they changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from fft_core.engines.protocol import RelationKind
from fft_core.engines.spec.attachments import attachments_from_json, attachments_to_json
from fft_core.errors import StatementError
from fft_core.plan.decide import Decision
from fft_core.plan.records import Published
from fft_core.warehouse.records import write_attached
from fft_core.warehouse.warehouse import Warehouse


class NodeAttachments:
    """What is declared of a node now, and what was when it was last built.

    Args:
        warehouse: The session of this thread.
        decision: What becomes of the node.
        kind: What its relation is, or becomes.
        existing: What is published now; None if nothing is.
    """

    def __init__(
        self, warehouse: Warehouse, decision: Decision, kind: RelationKind, existing: Published | None
    ) -> None:
        self._warehouse, self._kind, self._existing = warehouse, kind, existing
        self._engine, self._relation = warehouse.engine, warehouse.relation(decision.name)
        self._node = warehouse.project.node(decision.name)
        self._wanted = attachments_from_json(decision.identity.attached)
        self._before = attachments_from_json(decision.record.attached) if decision.record and existing else ()
        self._set: Sequence[str] = ()

    def detach(self, referring: Mapping[str, str]) -> Mapping[str, str]:
        """Drop the foreign keys to this node: until those that have them are built, their rows are those of before.

        It is noted in their records, so that they get them back in their own turn. Returns what is left, by node.
        """
        left = {}
        for node, attached in referring.items():
            relation, known = self._warehouse.relation(node), attachments_from_json(attached)
            gone = [one for one in known if one.to == self._node.name]
            if relation not in self._engine.inspect([relation]):
                continue
            for statement in self._engine.attachments.removed(relation, "table", gone):
                self._engine.execute(statement)
            left[node] = attachments_to_json(one for one in known if one not in gone)
            write_attached(self._engine, node, relation, left[node])
        return left

    def removed(self) -> Sequence[str]:
        """Return what takes away what is not declared any more: it may stand in the way of what is published."""
        gone = [one for one in self._before if one not in self._wanted]
        kind = self._existing.kind if self._existing else self._kind
        self._set = self._engine.attachments.removed(self._relation, kind, gone) if gone else ()
        return self._set

    def added(self) -> Sequence[str]:
        """Return what sets what is declared and not there."""
        place = self._warehouse.relation
        wanted = self._wanted
        found = self._engine.attachments.added(self._relation, self._kind, wanted, place) if wanted else ()
        self._set = (*self._set, *found)
        return found

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say where that is declared which cannot be set."""
        try:
            yield
        except StatementError as error:
            if error.sql not in self._set:
                raise
            message = f"what is declared of {self._node.name!r} cannot be set: {error.problem.message}"
            raise StatementError(message, sql=error.sql, where=self._node.attached_at) from error


def set_attachments(warehouse: Warehouse, decision: Decision, published: Published) -> None:
    """Set what is declared of a published relation, and note it in its record, in one transaction.

    Raises:
        StatementError: the database refuses one of them; nothing is changed.
    """
    engine, relation = warehouse.engine, warehouse.relation(decision.name)
    attachments = NodeAttachments(warehouse, decision, published.kind, published)
    with engine.transaction(), attachments.explained():
        engine.hold(relation)
        for statement in attachments.removed():
            engine.execute(statement)
        for statement in attachments.added():
            engine.execute(statement)
        write_attached(engine, decision.name, relation, decision.identity.attached)
