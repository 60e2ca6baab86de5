"""Uses of a query that is known only when its model is built; the record keeps them for the next plan.

The query of a lazy Python model follows from its code and the columns of its inputs. A plan cannot make the query,
because the inputs may not exist yet, so the Python code identifies the model. The code alone does not tell which
functions the query calls, so the build reads the query before it runs, and later plans take the recorded uses into
account, as they do for SQL.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from fft_core.plan.fingerprint import NodeIdentity
from fft_core.plan.records import BuildRecord

QUERY = "its query"  # a key among the inputs of a fingerprint; no node can have this name


@dataclass(frozen=True)
class QueryUses:
    """The uses of a query, read before the query ran.

    Attributes:
        digest: The digest of its canonical form, and of that of an increment.
        volatile, unknown, names: The functions, types and operators that it uses, see `SqlReading`.
        is_sorted: Whether it sorts its rows.
    """

    digest: str
    volatile: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_sorted: bool = False

    def to_text(self) -> str:
        """Return the text that a fingerprint keeps of the query."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def of(self, identity: NodeIdentity) -> NodeIdentity:
        """Add the uses of the query to the identity of its model."""
        return replace(
            identity,
            volatile=identity.volatile if identity.is_trusted else (*identity.volatile, *self.volatile),
            unknown=(*identity.unknown, *self.unknown),
            names=(*(identity.names or ()), *self.names),
            is_sorted=self.is_sorted,
        )


def recorded_query(record: BuildRecord | None) -> str | None:
    """Return the text of the query in a record, or None."""
    return record.fingerprint.inputs.get(QUERY) if record and record.fingerprint else None


def still_recorded_query(identity: NodeIdentity, record: BuildRecord | None) -> str | None:
    """Return the query in a record if the code is still the recorded one: other code has another query, or none."""
    is_same = record is not None and record.fingerprint is not None and record.fingerprint.code == identity.code
    return recorded_query(record) if is_same else None


def with_query_of(identity: NodeIdentity, text: str | None) -> NodeIdentity:
    """Add the uses of a query to the identity of its model, if there is a query."""
    if text is None:
        return identity
    said = json.loads(text)
    used = {name: tuple(map(str, said[name])) for name in ("volatile", "unknown", "names")}
    return QueryUses(str(said["digest"]), is_sorted=bool(said["is_sorted"]), **used).of(identity)
