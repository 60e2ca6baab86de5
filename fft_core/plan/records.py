"""What a store remembers of a build, and what it knows of the relation now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from fft_core.plan.definitions import Definitions as Definitions
from fft_core.plan.fingerprint import Fingerprint as Fingerprint  # handed on to those that keep records
from fft_core.plan.fingerprint import digest_of as digest_of


@dataclass(frozen=True)
class BuildRecord:
    """One published build of one model or seed.

    Attributes:
        node: The model's or seed's name.
        relation: Where it was published, as text.
        fingerprint: What was built, in parts; None where another version of FFT wrote it in a form unknown here.
        data_version: What readers compare: equal means equal rows.
        stamp: The mark that the build left on the relation; a relation without it is not the one that was built.
        rows: How many rows it has; None for a view.
        checks: What the checks were when they passed, None where they have to run again at each chance.
        built_at: When, in UTC.
        run_id: The Dagster run, if there was one.
        engine: The engine's name.
        project, environment: Whose build it was; None for the records of older versions.
        relation_path: Catalog, schema and name of the relation, each None if it is left to the database.
        attached: Its grants, indexes and constraints, as `attachments_to_json` spells them.
        measures: What its checks have measured, by key: of this build, and of the one before it if that was measured.
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
        """What it read, as far as that is known."""
        return frozenset(self.fingerprint.inputs if self.fingerprint else ())


@dataclass(frozen=True)
class Published:
    """What the database says of a relation that exists: the mark that the last build left on it, if it has one.

    `relation` is its name as it is now, where that is known.
    """

    kind: Literal["table", "view", "materialized_view"]
    stamp: str | None
    rows: int | None = None
    relation: str | None = None

    @property
    def is_query(self) -> bool:
        """Whether nothing is stored but a query. The view of a Python model has rows, in a table of their own."""
        return self.kind == "view" and self.rows is None


@dataclass(frozen=True)
class Remembered:
    """All that a plan compares with: records and what is there, by node; and what users defined beside relations.

    `moved` says where those nodes lie now that were recorded at other places. `referring` has the nodes with foreign
    keys to each node, and what is attached to them.
    `elsewhere` has the versions of what is read from another environment, None where one cannot be known: by the name
    of the node for those who read rows, and by `name_elsewhere` for views, whose text names the place.
    """

    records: Mapping[str, BuildRecord] = field(default_factory=dict)
    published: Mapping[str, Published] = field(default_factory=dict)
    definitions: Definitions = field(default_factory=Definitions)
    moved: Mapping[str, str] = field(default_factory=dict)
    referring: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    elsewhere: Mapping[str, str | None] = field(default_factory=dict)

    def with_build(self, record: BuildRecord, published: Published) -> Remembered:
        """Return what is remembered after one more build; threads that iterate this one are not disturbed."""
        node = record.node
        return replace(self, records={**self.records, node: record}, published={**self.published, node: published})

    def with_attached(self, node: str, attached: str) -> Remembered:
        """Return what is remembered after the grants, indexes or constraints of a node have changed."""
        record = self.records.get(node)
        return replace(self, records={**self.records, node: replace(record, attached=attached)}) if record else self
