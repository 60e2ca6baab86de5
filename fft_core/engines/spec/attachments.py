"""The attachments that are declared for a relation: grants, indexes and constraints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

AttachmentKind: TypeAlias = Literal["grant", "index", "constraint"]
ConstraintType: TypeAlias = Literal["primary_key", "unique", "not_null", "check", "foreign_key"]


@dataclass(frozen=True)
class Attachment:
    """One grant, index or constraint.

    Attributes:
        kind: Whether it is a grant, an index or a constraint.
        name: The name of an index or constraint; of a grant, its privilege.
        columns: The columns of an index or constraint; of a grant, the roles that get it.
        type: The type of a constraint, or the method of an index; "" leaves that to the engine.
        unique: Whether an index is unique.
        expression: The expression of a check.
        to: The model or seed that a foreign key refers to.
        to_columns: The columns that a foreign key refers to.
    """

    kind: AttachmentKind
    name: str
    columns: tuple[str, ...] = ()
    type: str = ""
    unique: bool = False
    expression: str = ""
    to: str = ""
    to_columns: tuple[str, ...] = ()


def attachments_to_json(attachments: Iterable[Attachment]) -> str:
    """Return attachments as text, which does not depend on their order; "" if there are none."""
    said = sorted([*(getattr(one, name) for name in one.__dataclass_fields__)] for one in attachments)
    return json.dumps(said, separators=(",", ":")) if said else ""


def attachments_from_json(text: str | None) -> tuple[Attachment, ...]:
    """Return the attachments in a text of `attachments_to_json`. Raises ValueError for any other text."""
    try:
        rows = json.loads(text) if text else []
        return tuple(Attachment(k, n, tuple(c), t, u, e, to, tuple(tc)) for k, n, c, t, u, e, to, tc in rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"attached is {text!r}") from error
