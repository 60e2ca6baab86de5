"""What a query uses that is only known when its model is built: the record remembers it for the next plan.

The query of a lazy Python model follows from its code and the columns of its inputs, so that a plan cannot have it: the
inputs may not exist yet. What identifies the model is its Python code, therefore. But which functions its query calls
is not all that the code tells. So the build reads the query before it runs, and the plans after it count what was found
as they do for SQL.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from fft_core.plan.fingerprint import NodeIdentity
from fft_core.plan.records import BuildRecord

QUERY = "its query"  # among the inputs of a fingerprint; the name of no node is like that


@dataclass(frozen=True)
class QueryUses:
    """A query as it was read before it ran.

    Attributes:
        digest: Of its canonical form, and of that of an increment.
        volatile, unknown, names: What it uses, see `SqlReading`.
        is_sorted: Whether it sorts its rows.
    """

    digest: str
    volatile: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_sorted: bool = False

    def to_text(self) -> str:
        """Return it as the text that stands for it in a fingerprint."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def of(self, identity: NodeIdentity) -> NodeIdentity:
        """Add it to the identity of its model."""
        return replace(
            identity,
            volatile=identity.volatile if identity.is_trusted else (*identity.volatile, *self.volatile),
            unknown=(*identity.unknown, *self.unknown),
            names=(*(identity.names or ()), *self.names),
            is_sorted=self.is_sorted,
        )


def recorded_query(record: BuildRecord | None) -> str | None:
    """Return the text of the query that a record remembers, if it does."""
    return record.fingerprint.inputs.get(QUERY) if record and record.fingerprint else None


def still_recorded_query(identity: NodeIdentity, record: BuildRecord | None) -> str | None:
    """Return the same as long as the code is that of the record: other code has another query, or none."""
    is_same = record is not None and record.fingerprint is not None and record.fingerprint.code == identity.code
    return recorded_query(record) if is_same else None


def with_query_of(identity: NodeIdentity, text: str | None) -> NodeIdentity:
    """Add what a query uses to the identity of its model, if there is one."""
    if text is None:
        return identity
    said = json.loads(text)
    used = {name: tuple(map(str, said[name])) for name in ("volatile", "unknown", "names")}
    return QueryUses(str(said["digest"]), is_sorted=bool(said["is_sorted"]), **used).of(identity)
