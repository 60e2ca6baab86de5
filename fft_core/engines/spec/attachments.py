"""What is set of a relation beside its rows: grants, indexes and constraints."""

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
        kind: Which of them.
        name: That of the index or constraint; of a grant, its privilege.
        columns: The columns of an index or constraint; of a grant, who gets it.
        type: The type of a constraint, or the method of an index; "" leaves that to the engine.
        unique: Whether an index is unique.
        expression: That of a check.
        to: The model or seed that a foreign key refers to.
        to_columns: Its columns there.
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
    """Return attachments as text, the same for the same ones in any order; "" for none."""
    said = sorted([*(getattr(one, name) for name in one.__dataclass_fields__)] for one in attachments)
    return json.dumps(said, separators=(",", ":")) if said else ""


def attachments_from_json(text: str | None) -> tuple[Attachment, ...]:
    """Read what `attachments_to_json` wrote. Raises ValueError for anything else."""
    try:
        rows = json.loads(text) if text else []
        return tuple(Attachment(k, n, tuple(c), t, u, e, to, tuple(tc)) for k, n, c, t, u, e, to, tc in rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"attached is {text!r}") from error
