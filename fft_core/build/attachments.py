"""Grants, indexes and constraints of a node: set when it is published, or without a build if nothing else changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from fft_core.engines.protocol import RelationKind
from fft_core.engines.spec.attachments import Attachment, attachments_from_json, attachments_to_json
from fft_core.errors import EngineError, StatementError
from fft_core.plan.decision import Decision
from fft_core.plan.records import Published
from fft_core.warehouse.records import write_attached
from fft_core.warehouse.warehouse import Warehouse


class NodeAttachments:
    """The attachments (grants, indexes, constraints) of a node: those declared now, and those of its last build.

    Args:
        warehouse: The session of this thread.
        decision: The decision about the node.
        kind: The kind that its relation has, or gets.
        existing: The relation that is published now; None if none is.
    """

    def __init__(
        self, warehouse: Warehouse, decision: Decision, kind: RelationKind, existing: Published | None
    ) -> None:
        self._warehouse, self._kind, self._existing = warehouse, kind, existing
        self._engine, self._relation = warehouse.engine, warehouse.relation(decision.name)
        self._node = warehouse.project.node(decision.name)
        self._wanted = tuple(one for one in attachments_from_json(decision.identity.attached) if self._is_here(one))
        self._before = attachments_from_json(decision.record.attached) if decision.record and existing else ()
        self._set: Sequence[str] = ()

    @property
    def attached(self) -> str:
        """The attachments that are declared now, as JSON for the record."""
        return attachments_to_json(self._wanted)

    def _is_here(self, one: Attachment) -> bool:
        """Whether an attachment concerns only this environment.

        A foreign key to a table of another environment is not set, because it would restrict changes to that table.
        """
        return not one.to or self._warehouse.relation(one.to) == self._warehouse.place(one.to)

    def detach(self, referring: Mapping[str, str]) -> Mapping[str, str]:
        """Drop the foreign keys of other nodes to this one: their old rows may refer to rows that this build removes.

        The keys are also removed from the records of those nodes, which add them again in their own turn. Returns the
        remaining attachments of those nodes, as JSON by name.
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
            write_attached(self._engine, node, str(relation), left[node])
        return left

    def removed(self) -> Sequence[str]:
        """Return the statements that remove attachments which are no longer declared.

        They run before the rows are published, because an old index or constraint could make that fail.
        """
        gone = [one for one in self._before if one not in self._wanted]
        kind = self._existing.kind if self._existing else self._kind
        self._set = self._engine.attachments.removed(self._relation, kind, gone) if gone else ()
        return self._set

    def added(self) -> Sequence[str]:
        """Return the statements that add the declared attachments which the relation does not have."""
        place = self._warehouse.relation
        wanted = self._wanted
        found = self._engine.attachments.added(self._relation, self._kind, wanted, place) if wanted else ()
        self._set = (*self._set, *found)
        return found

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise errors of attachments again, with the place of their declaration.

        These are errors of their own statements, and errors of new rows that violate an index or constraint.
        """
        try:
            yield
        except EngineError as error:
            said, sql = error.problem.message, error.sql if isinstance(error, StatementError) else ""
            named = re.search(r'(?:constraint|index) "([^"]+)"', said)
            broken = next((one for one in self._wanted if named and one.kind != "grant" and one.name == named[1]), None)
            if sql in self._set and sql:
                message = f"grants, indexes or constraints of {self._node.name!r} cannot be set: {said}"
            elif broken is not None:
                message = f"the rows of {self._node.name!r} violate its {_in_words(broken)}: {said}"
            else:
                raise
            hint = "Nothing was published. Correct the rows, or the declaration."
            raise StatementError(message, sql=sql, where=self._node.attached_at, hint=hint, code="FFT-460") from error


def _in_words(one: Attachment) -> str:
    said = one.expression or ", ".join(one.columns)
    return f"{one.type or one.kind} ({said})".replace("_", " ", 1)


def set_attachments(warehouse: Warehouse, decision: Decision, published: Published) -> str:
    """Set the declared attachments of a published relation and record them, in one transaction.

    Returns the attachments as JSON, as they are recorded.

    Raises:
        StatementError: the database rejects one of them; nothing is changed.
    """
    engine, relation = warehouse.engine, warehouse.place(decision.name)
    record = decision.record.relation if decision.record else str(relation)
    attachments = NodeAttachments(warehouse, decision, published.kind, published)
    with engine.transaction(), attachments.explained():
        engine.hold(relation)
        for statement in attachments.removed():
            engine.execute(statement)
        for statement in attachments.added():
            engine.execute(statement)
        write_attached(engine, decision.name, record, attachments.attached)
    return attachments.attached
