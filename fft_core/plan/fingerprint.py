"""What identifies a model's result, kept in parts so that a difference explains itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

VERSION = 2
_KINDS = {"code": str, "config": dict, "environment": str, "environment_names": list, "place": str, "inputs": dict}


@dataclass(frozen=True)
class NodeIdentity:
    """What a plan must know of a model or seed, apart from its inputs and its records.

    Attributes:
        name: The node's name.
        code: A digest of the canonical code.
        config: The settings that change rows, by name.
        environment: The FF_* variables that count; never stored, only digested together with the rest.
        place: Engine and profile.
        inputs: The stored models, seeds and sources that it reads, as text, in a fixed order.
        volatile: What makes its rows change by themselves, such as `now()`; empty where nothing does.
        is_view: Whether it stores a query instead of rows.
        has_digest: Whether rows are compared after a build, so that equal rows keep their version.
        is_sorted: Whether its rows have an order that readers may see: then rows in another one are not equal.
        data_version: What its rows will come from, where that is known before it is built: the content of a seed.
        checks: A digest of its checks, "" where it has none, None where time alone can change what they find.
        check_inputs: What its checks read beside its own rows.
        code_name: What the code is called in a reason: "SQL", "Python" or "file".
        names: The functions, types and operators that its SQL names, as `functions.key_of` spells them: what users of
            the database made of these counts as well. None if it has no SQL.
        unknown: Those of its functions that the engine does not bring with it.
        check_names, check_unknown: The same of its checks.
        is_trusted: Whether it may be reused although functions are unknown, or change by themselves.
        keeps: What a build leaves of the rows that are there: "nothing" replaces all, "rows" adds to them and changes
            them, "history" closes versions and adds new ones.
        ttl_seconds: For how long rows that change by themselves are reused; None if they are not.
        attached: Its grants, indexes and constraints, as `attachments_to_json` spells them. They change no rows: they
            are no part of a fingerprint.
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

    def is_fresh(self, built_at: datetime | None) -> bool:
        """Whether rows that were built then are reused though they may have changed by themselves since."""
        if self.ttl_seconds is None or built_at is None:
            return False
        return datetime.now(UTC) - built_at < timedelta(seconds=self.ttl_seconds)


@dataclass(frozen=True)
class Fingerprint:
    """An identity and the versions of its inputs, at one moment. Two that are equal give equal rows."""

    code: str
    config: Mapping[str, str]
    environment: str
    environment_names: tuple[str, ...]
    place: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION

    @property
    def digest(self) -> str:
        """All parts in one: 64 hexadecimal digits."""
        return digest_of(asdict(self))

    def to_json(self) -> str:
        """Give the parts as text that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Fingerprint | None:
        """Read the parts; None for those of another version. Raises ValueError for anything else."""
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


READS_FROM = "reads_from"  # of a view: the places of what it reads, which its text names


def placed_as(identity: NodeIdentity, recorded: Fingerprint) -> NodeIdentity:
    """Return an identity with the places of a recorded build: what is left can be compared between environments."""
    config = {key: value for key, value in identity.config.items() if key != READS_FROM}
    config |= {READS_FROM: recorded.config[READS_FROM]} if READS_FROM in recorded.config else {}
    return replace(identity, place=recorded.place, config=config)


def fingerprint_of(identity: NodeIdentity, inputs: Mapping[str, str]) -> Fingerprint:
    """Join an identity with the versions of its inputs.

    The values of environment variables are digested together with the code: alone, a short one could be guessed back.
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


def digest_of(value: Any) -> str:  # Any: whatever JSON can hold
    """Digest plain values: 64 hexadecimal digits, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def changed_keys(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    """Give the keys whose values differ, are new or are gone, sorted."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
