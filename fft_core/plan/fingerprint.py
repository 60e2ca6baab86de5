"""What identifies a model's result, kept in parts so that a difference explains itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sqlglot import TokenType
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokens import Token  # type: ignore[attr-defined]

VERSION = 2
_KINDS = {"code": str, "config": dict, "environment": str, "environment_names": list, "place": str, "inputs": dict}


@dataclass(frozen=True)
class Subject:
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
        data_version: The version that its rows will have, where that is known before it is built (seeds).
        checks: A digest of its checks, "" where it has none, None where time alone can change what they find.
        check_inputs: What its checks read beside its own rows.
        code_name: What the code is called in a reason: "SQL", "Python" or "file".
        keeps: What a build leaves of the rows that are there: "nothing" replaces all, "rows" adds to them and changes
            them, "history" closes versions and adds new ones.
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
    data_version: str | None = None
    checks: str | None = ""
    check_inputs: tuple[str, ...] = ()
    code_name: str = "SQL"
    keeps: Literal["nothing", "rows", "history"] = "nothing"


@dataclass(frozen=True)
class Fingerprint:
    """A subject and the versions of its inputs, at one moment. Two that are equal give equal rows."""

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


def fingerprint_of(subject: Subject, inputs: Mapping[str, str]) -> Fingerprint:
    """Join a subject with the versions of its inputs.

    The values of environment variables are digested together with the code: alone, a short one could be guessed back.
    """
    environment = digest_of([VERSION, subject.code, subject.place, sorted(subject.environment.items())])
    return Fingerprint(
        code=subject.code,
        config=dict(subject.config),
        environment=environment,
        environment_names=tuple(sorted(subject.environment)),
        place=subject.place,
        inputs=dict(inputs),
    )


def digest_of(value: Any) -> str:  # Any: whatever JSON can hold
    """Digest plain values: 64 hexadecimal digits, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def canonical_sql(sql: str, dialect: str) -> str:
    """Give SQL without what does not count: comments, white space, the case of keywords, types and functions.

    Names keep their case, since it shows in the columns of the result; text of every kind does, too.

    >>> canonical_sql("SELECT a -- b", "duckdb") == canonical_sql("select  a", "duckdb")
    True
    >>> canonical_sql("select 1 as Date", "duckdb") == canonical_sql("select 1 as date", "duckdb")
    False
    """
    tokens = tokens_of(sql, dialect)
    return json.dumps([(token.token_type.name, text) for token, text in zip(tokens, _texts(tokens), strict=True)])


def tokens_of(sql: str, dialect: str) -> list[Token]:
    """Split SQL into tokens; comments are gone, a semicolon at the end too."""
    tokens: list[Token] = list(Dialect.get_or_raise(dialect).tokenize(sql))
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    return tokens


_TEXTS = frozenset(kind for kind in TokenType if kind.name.endswith("STRING")) | {TokenType.IDENTIFIER}
# Keywords that can name no column unless they are quoted; after AS or a dot some engines take them as names, too.
_NEVER_NAMES = frozenset(
    "SELECT|FROM|WHERE|DISTINCT|ALL|NULL|TRUE|FALSE|ASC|DESC|END|CASE|ELSE|THEN|WHEN|AND|OR|NOT|IN|IS|LIKE|ILIKE|AS|ON|"
    "BETWEEN|EXISTS|USING|ORDER BY|GROUP BY|HAVING|QUALIFY|WINDOW|LIMIT|OFFSET|UNION|EXCEPT|INTERSECT|WITH|JOIN|LEFT|"
    "RIGHT|FULL|INNER|OUTER|CROSS|NATURAL|LATERAL|PARTITION BY|CURRENT_DATE|CURRENT_TIMESTAMP|EXCLUDE".split("|")
)


def _texts(tokens: list[Token]) -> Iterator[str]:
    """Give the text of each token, in capitals where its case does not count."""
    casts = [False]  # for each open parenthesis: whether it is that of a cast, where AS precedes a type
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.token_type is TokenType.L_PAREN:
            casts.append(before is not None and before.text.upper() in ("CAST", "TRY_CAST", "SAFE_CAST"))
        elif token.token_type is TokenType.R_PAREN and len(casts) > 1:
            casts.pop()
        follows = before.token_type if before else None
        is_name = follows is TokenType.DOT or (follows is TokenType.ALIAS and not casts[-1])
        is_type = follows is TokenType.DCOLON or (follows is TokenType.ALIAS and casts[-1])
        is_called = after is not None and after.token_type in (TokenType.L_PAREN, TokenType.STRING)
        is_keyword = token.text.upper() in _NEVER_NAMES or is_type or is_called
        keeps = token.token_type in _TEXTS or is_name or not is_keyword
        yield token.text if keeps else token.text.upper()


def changed_keys(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    """Give the keys whose values differ, are new or are gone, sorted."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
