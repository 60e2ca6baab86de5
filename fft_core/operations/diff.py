"""Comparison of two environments: first the definitions of models, then the rows of their relations."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from fft_core.compile.identity import Identities
from fft_core.names import Relation
from fft_core.operations.compare_rows import Comparison, RowsCompared, compare_relations, without_values
from fft_core.plan.decide import reached_by_views
from fft_core.plan.decision import Reason, ReasonKind
from fft_core.plan.modified import as_built_by, differences
from fft_core.plan.records import BuildRecord, Published, Remembered
from fft_core.project.model import Incremental, Model, Seed, Snapshot, Source, SourceName, Unique
from fft_core.warehouse.elsewhere import find_elsewhere
from fft_core.warehouse.published import remembered, without_names
from fft_core.warehouse.records import TABLE, read_rows, recorded_relations
from fft_core.warehouse.source_versions import source_versions
from fft_core.warehouse.warehouse import Warehouse

Presence: TypeAlias = Literal["both", "only here", "only there", "nowhere"]
_VALID_FROM = "_ff_valid_from"
_LOADED_AT = "_ff_loaded_at"  # the time when a seed was loaded; a model with `select *` from it has the column, too
# Changed rows of inputs are not a difference of definitions: the rows themselves are compared.
_OF_DATA: frozenset[ReasonKind] = frozenset({"input_changed", "source_changed"})


@dataclass(frozen=True)
class Definition:
    """A node whose published definition there differs from the project's here."""

    name: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class NodeRows:
    """The rows of a node on both sides.

    Attributes:
        name: The name of the node.
        presence: The sides on which its relation exists.
        here, there: The relation on each side.
        rows: The result; None if one side has no relation, or if both have the same build.
        hidden: The columns whose values are never shown.
    """

    name: str
    presence: Presence
    here: Relation
    there: Relation
    rows: RowsCompared | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def differ(self) -> bool:
        """Whether rows differ."""
        return self.rows is not None and self.rows.differ


@dataclass(frozen=True)
class Difference:
    """The differences between this environment, `env`, and another one, `against`; None for parts not requested."""

    env: str
    against: str
    definitions: tuple[Definition, ...] | None = None
    gone: tuple[str, ...] = ()
    nodes: tuple[NodeRows, ...] | None = None

    @property
    def rows_differ(self) -> bool:
        """Whether the rows of a node differ."""
        return any(node.differ for node in self.nodes or ())


@dataclass(frozen=True)
class Asked:
    """The parts to compare, and the settings; the default key is the unique columns that a node declares."""

    names: Set[str] | None = None
    definitions: bool = True
    data: bool = True
    how: Comparison = field(default_factory=Comparison)


def diff(warehouse: Warehouse, against: str, asked: Asked | None = None) -> Difference:
    """Compare this environment with another one. Changes nothing.

    Args:
        warehouse: This environment; may be read-only.
        against: The other one.
        asked: The parts to compare; None for all.

    Raises:
        RequestError: the environment does not exist, cannot be read from here, or has the same place.
        StateError: records cannot be read.
        StatementError: a comparison fails.
    """
    asked = asked or Asked()
    elsewhere = find_elsewhere(warehouse.project, against)
    with warehouse.engine.turn():
        there = elsewhere.warehouse(warehouse)
        sides = _Sides(warehouse, there, asked)
        found = Difference(warehouse.project.env, against)
        if asked.definitions:
            found = replace(found, definitions=tuple(sides.definitions()), gone=tuple(sides.gone()))
        return replace(found, nodes=tuple(sides.rows())) if asked.data else found


class _Sides:
    """Both environments."""

    def __init__(self, here: Warehouse, there: Warehouse, asked: Asked) -> None:
        self._here = here
        self._there = there
        self._asked = asked
        self._known_here = remembered(here)
        self._known_there = without_names(remembered(there))

    @property
    def _nodes(self) -> Iterator[Model | Seed]:
        names = self._asked.names
        return (node for node in self._here.project.stored() if names is None or node.name in names)

    def definitions(self) -> Iterator[Definition]:
        known, there = self._known_there, self._there
        identities = [as_built_by(s, known) for s in Identities(self._here.project, self._here.compiler).all()]
        reached = reached_by_views(known, {read for s in identities for read in s.inputs})
        versions = source_versions(there.engine, there.project, reached, there.place)
        found = differences(identities, known, versions)
        for node in self._nodes:
            reasons = found.get(node.name, ())
            if any(reason.kind not in _OF_DATA for reason in reasons):
                yield Definition(node.name, reasons)

    def gone(self) -> Iterator[str]:
        """Yield the nodes that were built there and do not exist in the project here."""
        project = self._here.project
        ours = {node.name for node in project.stored()}
        if self._asked.names is None:
            there, table = self._there, self._there.engine.relation(TABLE)
            built = recorded_relations(read_rows(there.engine), project.name, there.environment, table)
            yield from sorted({recorded.node for recorded in built} - ours)

    def rows(self) -> Iterator[NodeRows]:
        for node in self._nodes:
            name, ours, theirs = node.name, self._known_here.published, self._known_there.published
            told = NodeRows(
                name, _presence(name in ours, name in theirs), *self._places(node), hidden=self._hidden(node)
            )
            if told.presence == "both" and not self._is_one_build(node):
                with self._here.engine.trace.about(name):
                    compared = compare_relations(self._here.engine, told.here, told.there, self._how(node))
                told = replace(told, rows=without_values(compared, told.hidden))
            yield told

    def _places(self, node: Model | Seed) -> tuple[Relation, Relation]:
        return self._here.place(node.name), self._there.place(node.name)

    def _hidden(self, node: Model | Seed) -> frozenset[str]:
        """Return the personal columns, including columns of the same names in all upstream nodes."""
        project = self._here.project
        made_of = {node.name, *project.upstream(node.name)}
        nodes = [*(project.node(name) for name in made_of), *self._sources_of(made_of)]
        return frozenset(column.name.lower() for one in nodes for column in one.columns if column.is_pii)

    def _sources_of(self, names: Set[str]) -> Iterator[Source]:
        project = self._here.project
        models = (project.models[name] for name in names if name in project.models)
        read = {read for model in models for read in model.inputs if isinstance(read, SourceName)}
        return (project.sources[name] for name in read)

    def _is_one_build(self, node: Model | Seed) -> bool:
        """Return whether both sides have the same data version of a table: then all rows are equal."""
        ours, theirs = (_version(known, node.name) for known in (self._known_here, self._known_there))
        return ours is not None and ours == theirs

    def _how(self, node: Model | Seed) -> Comparison:
        how = self._asked.how
        return replace(how, key=how.key or self._key(node), ignored=(*how.ignored, _LOADED_AT))

    def _key(self, node: Model | Seed) -> tuple[str, ...]:
        """Return the columns that identify a row of the node, from its config or a check."""
        match node.materialization if isinstance(node, Model) else None:
            case Snapshot(unique_key=key) if key:
                return (*key, _VALID_FROM)
            case Incremental(unique_key=key) if key:
                return tuple(key)
        declared = [one.columns for one in node.attached if one.type == "primary_key"]
        if declared:
            return declared[0]
        checks = self._here.project.checks_of(node.name)
        uniques = [check.rule.columns for check in checks if isinstance(check.rule, Unique) and check.where is None]
        return min(uniques, key=len, default=())


def _version(known: Remembered, name: str) -> str | None:
    record: BuildRecord | None = known.records.get(name)
    published: Published | None = known.published.get(name)
    if record is None or published is None or published.is_query or published.stamp != record.stamp:
        return None
    return record.data_version if record.rows == published.rows else None


def _presence(here: bool, there: bool) -> Presence:
    if here and there:
        return "both"
    return "only here" if here else "only there" if there else "nowhere"
