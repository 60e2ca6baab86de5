"""The caller of a request, and their permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from fft_serve.problems import ProblemError

CATALOG, MODEL, BUILD, PII = "read:catalog", "read:model", "run:build", "read:pii"
SCOPES = (CATALOG, MODEL, BUILD, PII)


@dataclass(frozen=True)
class Subject:
    """The caller of a request.

    Attributes:
        name: The name of the token, or the subject of a JSON web token.
        scopes: What they may do; `read:model:GLOB` is `read:model` for some models.
        claims: What conditions on rows can ask about them.
    """

    name: str
    scopes: frozenset[str]
    claims: Mapping[str, Any] = field(default_factory=dict)

    def may(self, scope: str) -> bool:
        """Return whether they have a scope."""
        return scope in self.scopes

    def may_read(self, model: str) -> bool:
        """Return whether they may read the rows of a model."""
        globs = (scope.removeprefix(f"{MODEL}:") for scope in self.scopes if scope.startswith(f"{MODEL}:"))
        return MODEL in self.scopes or any(fnmatchcase(model, glob) for glob in globs)

    def require(self, scope: str) -> None:
        """Raise ProblemError without a scope."""
        if not self.may(scope):
            raise ProblemError("forbidden", f"the token does not have the scope {scope}", scope=scope)


# without tokens, anybody who can reach the loopback interface of this machine could also read its files
OPEN = Subject("loopback", frozenset((CATALOG, MODEL, BUILD)))


def is_scope(text: str) -> bool:
    """Return whether a text is a scope."""
    return text in SCOPES or (text.startswith(f"{MODEL}:") and len(text) > len(MODEL) + 1)
