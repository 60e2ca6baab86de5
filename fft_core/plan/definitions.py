"""Versions of user-defined functions, macros, types, operators and casts that SQL can use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from fft_core.names.functions import Definition, KnownFunctions
from fft_core.plan.fingerprint import NodeIdentity, digest_of

_UNKNOWN = "which FFT does not know to be deterministic"


@dataclass(frozen=True)
class Version:
    """The version of all definitions of one key; `digest` is None if they may return other values by themselves."""

    key: str
    said: str
    digest: str | None
    why: str = ""


@dataclass(frozen=True)
class Definitions:
    """All user-defined objects in a database, by key; each is read only if a query uses it."""

    dialect: str = ""
    found: Sequence[Definition] = ()
    known: Callable[[], KnownFunctions] | None = None  # read only if a query uses a definition
    place: Callable[[str], str] = str  # the place of a model, seed or source, as `schema.name`
    _versions: dict[str, Version] = field(default_factory=dict, compare=False)

    @cached_property
    def by_key(self) -> Mapping[str, tuple[Definition, ...]]:
        """The definitions of each key: overloads, and definitions in several schemas."""
        keys: dict[str, list[Definition]] = {}
        for definition in self.found:
            keys.setdefault(definition.key, []).append(definition)
        return {key: tuple(sorted(same, key=lambda d: (d.kind, d.text))) for key, same in keys.items()}

    @cached_property
    def implicit(self) -> tuple[str, ...]:
        """The keys of definitions that a query may use without naming them."""
        return tuple(sorted(key for key, same in self.by_key.items() if any(d.is_implicit for d in same)))

    @cached_property
    def _used_as(self) -> Mapping[str, tuple[str, ...]]:
        """The keys of definitions that are used by other keys: casts by types, functions of rows by dotted names."""
        return _grouped((use, definition.key) for definition in self.found for use in definition.used_as)

    @cached_property
    def _by_columns(self) -> Mapping[str, tuple[str, ...]]:
        """The keys of definitions that a query uses by reading columns, by the relation of these columns."""
        return _grouped((place, definition.key) for definition in self.found for place in definition.columns_in)

    def version(self, key: str) -> Version | None:
        """Return the version of the definitions of a key; None if users defined nothing under it."""
        if key not in self.by_key:
            return None
        if key not in self._versions:
            self._versions[key] = self._read(key)
        return self._versions[key]

    def used_by(self, names: Iterable[str] | None, reads: Iterable[str] = ()) -> tuple[Version, ...]:
        """Return the versions of all definitions that a query may use."""
        if names is None or not self.found:
            return ()
        keys = self._keys(names)
        if self._by_columns:
            keys += [key for read in reads for key in self._by_columns.get(self.place(read), ())]
        versions = (self.version(key) for key in dict.fromkeys([*keys, *self.implicit]))
        return tuple(version for version in versions if version is not None)

    def _keys(self, names: Iterable[str]) -> list[str]:
        """Return the keys of all definitions that the names in a query can mean."""
        meanings = [key for name in names for key in _meanings(name)]
        return [
            key for use in meanings for key in (*((use,) if use in self.by_key else ()), *self._used_as.get(use, ()))
        ]

    def strange(self, unknown: Iterable[str]) -> tuple[str, ...]:
        """Return those functions that nobody defined in this database, each with its consequence in words."""
        return tuple(f"{name}(), {_UNKNOWN}" for name in unknown if not self._is_defined(name))

    def _is_defined(self, function: str) -> bool:
        names = {function, function.rpartition(".")[2]}  # `x.f()` may be f of the schema x, or f(x)
        return any(key in self.by_key for name in names for key in _meanings(f"{name}()"))

    def _read(self, key: str) -> Version:
        parts, todo, seen = list[str](), [key], {key}
        said = f"the {self.by_key[key][0].kind} {self.by_key[key][0].name}"
        said += "()" if key.endswith("()") else ""
        while todo:
            for definition in self.by_key[todo.pop()]:
                uses, why = self._uses(definition)
                if why:
                    return Version(key, said, None, why)
                parts.append(definition.text)
                further = [use for use in self._keys(uses) if use not in seen]
                seen.update(further)
                todo += further
        return Version(key, said, digest_of(sorted(parts))[:32])

    def _uses(self, definition: Definition) -> tuple[Iterable[str], str]:
        """Return the names that a definition uses, and the reason why its value may change by itself, or ""."""
        types = [f"type {name}" for name in definition.types]
        if definition.doubt:
            return types, definition.doubt
        if not definition.queries or self.known is None:
            return types, ""
        from fft_core.plan.volatile import read_sql

        known, named, changing = self.known(), list[str](), list[str]()
        for query in definition.queries:
            reading = read_sql(query, self.dialect, known, tracked=())
            changing += [*reading.volatile, *(name.partition(",")[0] for name in self.strange(reading.unknown))]
            named += reading.names
        return (*types, *named), f"which uses {', '.join(dict.fromkeys(changing))}" if changing else ""


def _meanings(name: str) -> Iterator[str]:
    """Yield the possible meanings of a name in a query: `mood('ok')` is also a cast, if there is a type `mood`."""
    yield name
    if name.endswith("()"):
        yield f"type {name.removesuffix('()')}"


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, dict[str, None]] = {}
    for group, key in pairs:
        groups.setdefault(group, {})[key] = None
    return {group: tuple(sorted(keys)) for group, keys in groups.items()}


def completed(identity: NodeIdentity, definitions: Definitions) -> tuple[NodeIdentity, Mapping[str, Version]]:
    """Add the user-defined objects that a node uses to its identity: as inputs, or as reasons why it is volatile."""
    versions = {version.key: version for version in definitions.used_by(identity.names, identity.inputs)}
    doubtful = [f"{version.said}, {version.why}" for version in versions.values() if version.digest is None]
    doubtful += definitions.strange(identity.unknown)
    steady = {key: version for key, version in versions.items() if version.digest is not None}
    if not versions and not doubtful:
        return identity, {}
    volatile = identity.volatile if identity.is_trusted else (*identity.volatile, *doubtful)
    data_version = identity.data_version
    if data_version is not None and versions:
        digests = [version.digest for _, version in sorted(versions.items())]
        data_version = f"seed:{digest_of([data_version, digests])[:32]}"
    found = replace(
        identity,
        inputs=(*identity.inputs, *steady),
        volatile=volatile,
        data_version=None if volatile else data_version,
    )
    return found, steady
