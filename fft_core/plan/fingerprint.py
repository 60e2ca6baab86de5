"""The identity of a model's result, kept in parts, so that a difference explains itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fft_core.json_files.artifacts import plain

VERSION = 2
COLUMNS = "columns"  # of a stream: the declared types; older records have them in the digest of the code only
_KINDS = {"code": str, "config": dict, "environment": str, "environment_names": list, "place": str, "inputs": dict}


@dataclass(frozen=True)
class NodeIdentity:
    """The identity of a model or seed, apart from the versions of its inputs and from its records.

    Attributes:
        name: The node's name.
        code: A digest of the canonical code.
        config: The settings that affect rows, by name.
        environment: The FF_* variables that it reads; never stored, only digested together with the rest.
        place: The engine and the profile.
        inputs: The stored models, seeds and sources that it reads, sorted.
        volatile: The calls that make its rows change by themselves, such as `now()`; empty if there are none.
        is_view: Whether it stores a query instead of rows.
        has_digest: Whether rows are compared after a build, so that equal rows keep their version.
        is_sorted: Whether its rows have an order that readers may see: then the same rows in another order are not
            equal.
        data_version: The data version, if it is known before the build: the content of a seed.
        checks: A digest of its checks, "" if it has none, None if time alone can change their result.
        check_inputs: The relations that its checks read beside its own rows.
        code_name: The name of the code in a reason: "SQL", "Python" or "file".
        names: The functions, types and operators that its SQL names, as `functions.key_of` writes them; their
            user-defined versions count as inputs as well. None if it has no SQL.
        unknown: Those of its functions that are not built into the engine.
        check_names, check_unknown: The same for its checks.
        is_trusted: Whether it may be reused although functions are unknown, or change by themselves.
        keeps: The part of the existing rows that a build keeps: "nothing" replaces all, "rows" adds to them and changes
            them, "history" closes versions and adds new ones, "events" keeps events and rebuilds their sessions.
        ttl_seconds: For how long rows that change by themselves are reused, in seconds; None if they are not.
        attached: Its grants, indexes and constraints, as `attachments_to_json` writes them. They do not change rows, so
            a fingerprint leaves them out.
        layout_keys: The keys of `config` that are the layout of a table, if they are configured: those with an effect
            on the engine.
        layout_unused: The configured keys of the layout that have no effect on the engine.
    """

    name: str
    code: str
    config: Mapping[str, str]
    environment: Mapping[str, str]
    place: str
    inputs: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    is_view: bool = False
    has_digest: bool = True
    is_sorted: bool = False
    data_version: str | None = None
    checks: str | None = ""
    check_inputs: tuple[str, ...] = ()
    code_name: str = "SQL"
    names: tuple[str, ...] | None = None
    unknown: tuple[str, ...] = ()
    check_names: tuple[str, ...] | None = None
    check_unknown: tuple[str, ...] = ()
    is_trusted: bool = False
    keeps: Literal["nothing", "rows", "history", "events"] = "nothing"
    ttl_seconds: float | None = None
    attached: str = ""
    layout_keys: tuple[str, ...] = ()
    layout_unused: tuple[str, ...] = ()

    def is_fresh(self, built_at: datetime | None) -> bool:
        """Return whether rows built at a time are still reused, though they may have changed by themselves since."""
        if self.ttl_seconds is None or built_at is None:
            return False
        return datetime.now(UTC) - built_at < timedelta(seconds=self.ttl_seconds)


@dataclass(frozen=True)
class Fingerprint:
    """An identity and the data versions of its inputs, at one moment. Equal fingerprints mean equal rows."""

    code: str
    config: Mapping[str, str]
    environment: str
    environment_names: tuple[str, ...]
    place: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION

    @property
    def digest(self) -> str:
        """The digest of all parts: 64 hexadecimal digits."""
        return digest_of(plain(self))

    def to_json(self) -> str:
        """Return the parts as text that `from_json` reads."""
        return json.dumps(plain(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Fingerprint | None:
        """Read the parts; None for those that another version of FFT wrote. Raises ValueError for any other text."""
        parts = json.loads(text)
        if not isinstance(parts, dict):
            raise ValueError("a fingerprint is an object")
        if parts.get("version") != VERSION:
            return None
        for part, kind in _KINDS.items():
            if not isinstance(parts.get(part), kind):
                raise ValueError(f"its part {part!r} is missing, or of another type")
        try:
            return cls(**{**parts, "environment_names": tuple(parts["environment_names"])})
        except TypeError as error:
            raise ValueError(str(error)) from error


READS_FROM = "reads_from"  # of a view: the places of its inputs, which its text names


def placed_as(identity: NodeIdentity, recorded: Fingerprint) -> NodeIdentity:
    """Return an identity with the places of a recorded build, so that the rest can be compared between environments."""
    config = {key: value for key, value in identity.config.items() if key != READS_FROM}
    config |= {READS_FROM: recorded.config[READS_FROM]} if READS_FROM in recorded.config else {}
    return replace(identity, place=recorded.place, config=config)


def fingerprint_of(identity: NodeIdentity, inputs: Mapping[str, str]) -> Fingerprint:
    """Join an identity with the data versions of its inputs.

    The values of environment variables are digested together with the code: a short value alone could be guessed from
    its digest.
    """
    environment = digest_of([VERSION, identity.code, identity.place, sorted(identity.environment.items())])
    return Fingerprint(
        code=identity.code,
        config=dict(identity.config),
        environment=environment,
        environment_names=tuple(sorted(identity.environment)),
        place=identity.place,
        inputs=dict(inputs),
    )


def digest_of(value: Any) -> str:  # Any: all values that JSON can hold
    """Return a digest of plain values: 64 hexadecimal digits, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def changed_keys(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    """Return the keys whose values differ, are new or are gone, sorted."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
