"""The layout of a table: its partitions, clusters, format, options and labels. It changes no rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from fft_core.errors import EngineError, Location, nearest
from fft_core.names.columns import AmbiguousColumnError, ColumnNames

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType

LayoutKey: TypeAlias = Literal["partition_by", "cluster_by", "table_format", "table_options", "labels", "transient"]
Granularity: TypeAlias = Literal["hour", "day", "month", "year"]
OptionValue: TypeAlias = str | int | float | bool
LAYOUT_KEYS: tuple[LayoutKey, ...] = (
    "partition_by", "cluster_by", "table_format", "table_options", "labels", "transient",
)  # fmt: skip
_NAME = re.compile(r"[^\W\d]\w*")


class LayoutError(EngineError):
    """A table cannot have its layout: a column does not exist, or the engine has no such partitions or clusters.

    Attributes:
        key: The key of the layout.
    """

    default_code = "FFT-463"

    def __init__(
        self, key: LayoutKey, message: str, hint: str | None = None, *, of: str = "", where: Location | None = None
    ) -> None:
        super().__init__(f"{of}{key}: {message}", where=where, hint=hint)
        self.key, self._said = key, message

    def of_node(self, name: str, where: Location | None) -> LayoutError:
        """Return the error with the name of a model or seed, and the place of the key."""
        return LayoutError(self.key, self._said, self.problem.hint, of=f"{name!r}: ", where=where)


@dataclass(frozen=True)
class Partition:
    """The rows of one partition have the same value of a column, or values of the same time span or range.

    Attributes:
        column: The column.
        granularity: The time span of a partition.
        range: The first value, the value after the last one, and the length of each range of whole numbers.
        type: The engine's type of the column, once the columns of the table are known.
    """

    column: str
    granularity: Granularity | None = None
    range: tuple[int, int, int] | None = None
    type: str = ""

    def said(self) -> object:
        """Return plain values: the name alone, if only that is configured."""
        if self.granularity is None and self.range is None:
            return self.column
        return [self.column, self.granularity, self.range]


@dataclass(frozen=True)
class Cluster:
    """A column by which the rows of a table lie together; or an expression, once the columns are known."""

    text: str
    is_expression: bool = False


@dataclass(frozen=True)
class Layout:
    """The layout that is configured for a table; a key without a value is not configured.

    Attributes:
        partition_by: The columns of its partitions.
        cluster_by: The columns or expressions by which its rows lie together.
        table_format: The format of its files.
        table_options: Options in the engine's own words.
        labels: Labels in the engine's catalog.
        transient: Whether it has no storage for recovery after a failure.
        may_lack_partitions: Whether columns that the engine cannot partition by are not an error, because
            `partition_by` has another meaning as well.
        changed: The keys of which the published table may have other values, so that the new ones replace them.
    """

    partition_by: tuple[Partition, ...] = ()
    cluster_by: tuple[Cluster, ...] = ()
    table_format: str | None = None
    table_options: tuple[tuple[str, OptionValue], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    transient: bool | None = None
    may_lack_partitions: bool = False
    changed: tuple[LayoutKey, ...] = ()

    @property
    def keys(self) -> tuple[LayoutKey, ...]:
        """The keys that are configured."""
        return tuple(key for key in LAYOUT_KEYS if getattr(self, key) not in ((), None))

    @property
    def is_new(self) -> bool:
        """Whether the published table may have another layout."""
        return bool(self.changed)

    @property
    def has_columns(self) -> bool:
        """Whether a key names columns."""
        return bool(self.partition_by or self.cluster_by)

    def only(self, keys: Iterable[LayoutKey]) -> Layout:
        """Return the layout with these keys alone."""
        kept = set(keys)
        return replace(self, **{key: getattr(Layout(), key) for key in LAYOUT_KEYS if key not in kept})

    def said(self) -> dict[str, str]:
        """Return the configured keys with their values as text, for fingerprints."""
        values: dict[LayoutKey, object] = {
            "partition_by": [partition.said() for partition in self.partition_by],
            "cluster_by": [cluster.text for cluster in self.cluster_by],
            "table_format": self.table_format,
            "table_options": dict(self.table_options),
            "labels": dict(self.labels),
            "transient": self.transient,
        }
        return {key: json.dumps(values[key], sort_keys=True) for key in self.keys}

    def for_columns(self, columns: Sequence[ColumnType]) -> Layout:
        """Return the layout with columns named, and typed, as in a table. Raises LayoutError for unknown columns."""
        types = {column.name: column.type for column in columns}
        partitions = []
        for partition in self.partition_by:
            name = _found("partition_by", partition.column, types)
            partitions.append(replace(partition, column=name, type=types[name]))
        clusters = tuple(_cluster(cluster.text, types) for cluster in self.cluster_by)
        return replace(self, partition_by=tuple(partitions), cluster_by=clusters)


NO_LAYOUT = Layout()


def _cluster(text: str, types: Mapping[str, str]) -> Cluster:
    is_expression = text not in types and _NAME.fullmatch(text) is None
    return Cluster(text, is_expression=True) if is_expression else Cluster(_found("cluster_by", text, types))


def _found(key: LayoutKey, name: str, types: Mapping[str, str]) -> str:
    try:
        found = ColumnNames(types).find(name)
    except AmbiguousColumnError as error:
        raise LayoutError(key, error.problem.message, error.problem.hint) from error
    if found is None:
        hint = nearest(name, types) or f"Its columns: {', '.join(types)}."
        raise LayoutError(key, f"{name!r} is not one of its columns", hint)
    return found


def _nothing_wrong(layout: Layout) -> Iterator[tuple[LayoutKey, str]]:
    return iter(())


@dataclass(frozen=True)
class LayoutSupport:
    """The effect of each key of a layout on an engine: a text for the documentation; empty if it has none.

    A key without an effect is allowed, because a project may be built on several engines. It is not part of a
    fingerprint there.

    Attributes:
        partition_by: The effect of `partition_by`.
        cluster_by: The effect of `cluster_by`.
        table_format: The effect of `table_format`.
        table_options: The effect of `table_options`.
        labels: The effect of `labels`.
        transient: The effect of `transient`.
        wrong: Yields the keys with values that the engine never accepts, with the problem of each.
    """

    partition_by: str = ""
    cluster_by: str = ""
    table_format: str = ""
    table_options: str = ""
    labels: str = ""
    transient: str = ""
    wrong: Callable[[Layout], Iterator[tuple[LayoutKey, str]]] = field(default=_nothing_wrong)

    @property
    def keys(self) -> tuple[LayoutKey, ...]:
        """The keys that have an effect."""
        return tuple(key for key in LAYOUT_KEYS if getattr(self, key))

    def of(self, layout: Layout) -> Layout:
        """Return the part of a layout that has an effect."""
        return layout.only(self.keys)

    def unused(self, layout: Layout) -> tuple[LayoutKey, ...]:
        """Return the configured keys of a layout that have no effect."""
        return tuple(key for key in layout.keys if key not in self.keys)


def option_text(value: OptionValue) -> str:
    """Return an option as text, with truth values in lower case.

    >>> option_text(True), option_text(30)
    ('true', '30')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)
