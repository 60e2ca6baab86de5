"""Stages that crashed builds left beside their relations, on engines without transactions."""

from __future__ import annotations

import hashlib
import re
import secrets
import time

from fft_core.engines.protocol import Session
from fft_core.names import Relation

KEPT_SECONDS = 24 * 3600  # a build may take that long, and the database does not know which builds still run
_NAME = re.compile(r"_ff_swap_[0-9a-f]{12}_([0-9a-f]{8})[0-9a-f]{8}", re.IGNORECASE)


def swap_name(name: str, begun: float | None = None) -> str:
    """Return a name for a stage of a relation that no other build uses.

    It contains the time when the build began, in seconds since 1970; the default is now.
    """
    return f"{prefix_of(name)}{int(time.time() if begun is None else begun):08x}{secrets.token_hex(4)}"


def remove_leftovers(session: Session, relation: Relation) -> None:
    """Drop stages of a relation that are older than a day: their builds have ended."""
    names = session.names_beside(relation, prefix_of(relation.name))
    left = [relation.named(name) for name in names if _is_old(name)]
    for stage, info in session.inspect(left).items() if left else ():
        session.execute(session.spelling.drop(stage, info.kind))


def prefix_of(name: str) -> str:
    """Return how the names of the stages of a relation begin."""
    return f"_ff_swap_{hashlib.sha256(name.encode()).hexdigest()[:12]}_"


def _is_old(name: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and int(found[1], 16) < time.time() - KEPT_SECONDS
