"""The record of a build, and the state of its relation now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from fft_core.plan.definitions import Definitions as Definitions
from fft_core.plan.fingerprint import Fingerprint as Fingerprint  # exported for those who keep records
from fft_core.plan.fingerprint import digest_of as digest_of


@dataclass(frozen=True)
class BuildRecord:
    """One published build of one model or seed.

    Attributes:
        node: The name of the model or seed.
        relation: The relation that it was published as, as text.
        fingerprint: The identity and the input versions, in parts; None if another version of FFT wrote it in an
            unknown form.
        data_version: An identifier of its content: equal versions mean equal rows.
        stamp: The mark that the build left on the relation; a relation without it is not the one that was built.
        rows: The number of its rows; None for a view.
        checks: A digest of the checks that have passed, None if they must run again every time.
        built_at: The time of the build, in UTC.
        run_id: The Dagster run, if there was one.
        engine: The engine's name.
        project, environment: The project and environment of the build; None for the records of older versions.
        relation_path: Catalog, schema and name of the relation, each None if the database chooses it.
        attached: Its grants, indexes and constraints, as `attachments_to_json` writes them.
        measures: The measurements of its checks, by key: of this build, and of the one before it if that one was
            measured.
    """

    node: str
    relation: str
    fingerprint: Fingerprint | None
    data_version: str
    stamp: str
    rows: int | None
    checks: str | None
    built_at: datetime
    run_id: str | None
    engine: str
    project: str | None = None
    environment: str | None = None
    relation_path: tuple[str | None, str | None, str] | None = None
    attached: str = ""
    measures: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)

    @property
    def reads(self) -> frozenset[str]:
        """The names of its inputs, as far as they are known."""
        return frozenset(self.fingerprint.inputs if self.fingerprint else ())


@dataclass(frozen=True)
class Published:
    """The state of an existing relation in the database: its kind, and the stamp of the last build if it has one.

    `relation` is its current name, if that is known.
    """

    kind: Literal["table", "view", "materialized_view"]
    stamp: str | None
    rows: int | None = None
    relation: str | None = None

    @property
    def is_query(self) -> bool:
        """Whether only a query is stored. The view of a Python model has rows, in a table of their own."""
        return self.kind == "view" and self.rows is None


@dataclass(frozen=True)
class Remembered:
    """All that a plan compares with: records and states by node, and user-defined objects of the database.

    `moved` has the current places of nodes that were recorded at other places. `referring` has the nodes with foreign
    keys to each node, and their grants, indexes and constraints. `elsewhere` has the data versions of nodes that are
    read from another environment, None if a version cannot be known: under the name of the node for readers of rows,
    and under `name_elsewhere` for views, whose text names the place.
    """

    records: Mapping[str, BuildRecord] = field(default_factory=dict)
    published: Mapping[str, Published] = field(default_factory=dict)
    definitions: Definitions = field(default_factory=Definitions)
    moved: Mapping[str, str] = field(default_factory=dict)
    referring: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    elsewhere: Mapping[str, str | None] = field(default_factory=dict)

    def with_build(self, record: BuildRecord, published: Published) -> Remembered:
        """Return the records after one more build; threads that iterate over this value are not disturbed."""
        node = record.node
        return replace(self, records={**self.records, node: record}, published={**self.published, node: published})

    def with_attached(self, node: str, attached: str) -> Remembered:
        """Return the records after the grants, indexes or constraints of a node have changed."""
        record = self.records.get(node)
        return replace(self, records={**self.records, node: replace(record, attached=attached)}) if record else self
