"""Versions of what users made in the database and SQL can use: functions, macros, types, operators, casts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from fft_core.functions import Definition, KnownFunctions
from fft_core.plan.fingerprint import Subject, digest_of

_UNKNOWN = "which FFT does not know to give the same rows each time"


@dataclass(frozen=True)
class Version:
    """What is compared of all definitions of one key; `digest` is None if they may give other values by themselves."""

    key: str
    said: str
    digest: str | None
    why: str = ""


@dataclass(frozen=True)
class Definitions:
    """All that users made in a database, by key; read only as far as it is used."""

    dialect: str = "duckdb"
    found: Sequence[Definition] = ()
    known: Callable[[str], KnownFunctions] | None = None  # of a dialect; read only if a definition is
    _versions: dict[str, Version] = field(default_factory=dict, compare=False)

    @cached_property
    def by_key(self) -> Mapping[str, tuple[Definition, ...]]:
        """The definitions of each key: overloads, and those of several schemas."""
        keys: dict[str, list[Definition]] = {}
        for definition in self.found:
            keys.setdefault(definition.key, []).append(definition)
        return {key: tuple(sorted(same, key=lambda d: (d.kind, d.text))) for key, same in keys.items()}

    @cached_property
    def implicit(self) -> tuple[str, ...]:
        """Keys of what a query may use without naming it."""
        return tuple(sorted(key for key, same in self.by_key.items() if any(d.is_implicit for d in same)))

    def version(self, key: str) -> Version | None:
        """Give the version of what is defined under a key; None if users defined nothing under it."""
        if key not in self.by_key:
            return None
        if key not in self._versions:
            self._versions[key] = self._read(key)
        return self._versions[key]

    def used_by(self, names: Iterable[str] | None) -> tuple[Version, ...]:
        """Give the versions of all that a query may use, given what it names; None if there is no query."""
        if names is None or not self.found:
            return ()
        keys = [key for name in names for key in _meanings(name) if key in self.by_key]
        versions = (self.version(key) for key in dict.fromkeys([*keys, *self.implicit]))
        return tuple(version for version in versions if version is not None)

    def strange(self, unknown: Iterable[str]) -> tuple[str, ...]:
        """Name those of some functions that nobody defined in this database, with what that means."""
        return tuple(f"{name}(), {_UNKNOWN}" for name in unknown if not self._is_defined(name))

    def _is_defined(self, function: str) -> bool:
        names = {function, function.rpartition(".")[2]}  # `x.f()` may be a schema's, or f(x)
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
                further = [use for use in uses if use in self.by_key and use not in seen]
                seen.update(further)
                todo += further
        return Version(key, said, digest_of(sorted(parts))[:32])

    def _uses(self, definition: Definition) -> tuple[Iterable[str], str]:
        """What a definition uses itself, and why its value may change by itself, or ""."""
        types = [f"type {name}" for name in definition.types]
        if definition.doubt:
            return types, definition.doubt
        if not definition.queries or self.known is None:
            return types, ""
        from fft_core.plan.volatile import read_sql

        known, named, changing = self.known(self.dialect), list[str](), list[str]()
        for query in definition.queries:
            reading = read_sql(query, self.dialect, known, tracked=())
            changing += [*reading.volatile, *(name.partition(",")[0] for name in self.strange(reading.unknown))]
            named += [key for name in reading.names for key in _meanings(name)]
        return (*types, *named), f"which uses {', '.join(dict.fromkeys(changing))}" if changing else ""


def _meanings(name: str) -> Iterator[str]:
    """What a name in a query can mean: `mood('ok')` is a cast, too, if there is a type of that name."""
    yield name
    if name.endswith("()"):
        yield f"type {name.removesuffix('()')}"


def completed(subject: Subject, definitions: Definitions) -> tuple[Subject, Mapping[str, Version]]:
    """Add to a subject what users of the database defined and it uses: as inputs, or as what makes it volatile."""
    versions = {version.key: version for version in definitions.used_by(subject.names)}
    doubtful = [f"{version.said}, {version.why}" for version in versions.values() if version.digest is None]
    doubtful += definitions.strange(subject.unknown)
    steady = {key: version for key, version in versions.items() if version.digest is not None}
    if not versions and not doubtful:
        return subject, {}
    volatile = subject.volatile if subject.is_trusted else (*subject.volatile, *doubtful)
    data_version = subject.data_version
    if data_version is not None and versions:
        digests = [version.digest for _, version in sorted(versions.items())]
        data_version = f"seed:{digest_of([data_version, digests])[:32]}"
    found = replace(
        subject,
        inputs=(*subject.inputs, *steady),
        volatile=volatile,
        data_version=None if volatile else data_version,
    )
    return found, steady
