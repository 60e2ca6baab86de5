"""All claims of an engine, checked one after the other in a scratch schema."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fft_core.engine_check import (
    capabilities,
    crashes,
    digests,
    grants,
    leftovers,
    readers,
    relation_names,
    running,
    values,
)
from fft_core.engine_check.outcomes import BrokenClaimError, Examined, NotClaimedError, Outcome, UncheckedError
from fft_core.engine_check.scratch import Scratch
from fft_core.engines.protocol import Session
from fft_core.engines.spec import Support
from fft_core.errors import BusyError, ConnectError, FftError, RequestError, nearest

REQUIRED = "required"


@dataclass(frozen=True)
class Claim:
    """A claim, and the function that checks it.

    Attributes:
        name: Its short name.
        said: The claim, as a sentence.
        check: The check, which returns its observations, or raises.
        capability: The flag of `Capabilities` by which the engine declares it; empty if every engine must fulfill it.
    """

    name: str
    said: str
    check: Callable[[Scratch], str]
    capability: str = ""


def _in_session(check: Callable[[Session], str]) -> Callable[[Scratch], str]:
    """Return the check of a claim that needs only one session, and those that it opens itself."""

    def checked(scratch: Scratch) -> str:
        with scratch.session() as session:
            return check(session)

    return checked


CLAIMS = (
    Claim("texts", "Texts come back as they are.", _in_session(values.texts_come_back)),
    Claim("columns", "Columns keep their names.", _in_session(relation_names.columns_keep_their_names)),
    Claim("names", "Names are folded as documented.", _in_session(relation_names.names_are_folded)),
    Claim("frames", "Frames come back with their values and types.", _in_session(values.frames_come_back)),
    Claim("digests", "Rows that differ have different digests.", _in_session(digests.other_rows_have_other_digests)),
    Claim("publish", "Readers see the old table or the new one.", _in_session(readers.same_columns)),
    Claim(
        "columns-change",
        "The same while columns change.",
        _in_session(readers.other_columns),
        "replaces_atomically",
    ),
    Claim("kind-change", "The same while a table becomes a view.", _in_session(readers.other_kinds), "replaces_kinds"),
    Claim(
        "rollback",
        "A failed build changes nothing, at any statement.",
        _in_session(capabilities.has_transactions),
        "transactions",
    ),
    Claim("crashes", "A killed build of a table heals.", crashes.tables_heal),
    Claim("crashed-increments", "A killed increment is applied once.", crashes.increments_heal),
    Claim("grants", "Grants survive a publish.", _in_session(grants.grants_survive), "keeps_grants"),
    Claim("changed-rows", "Rows are updated and deleted.", _in_session(capabilities.has_changes_rows), "changes_rows"),
    Claim(
        "materialized-views",
        "Materialized views store their rows.",
        _in_session(capabilities.has_materialized_views),
        "materialized_views",
    ),
    Claim(
        "temporary-tables",
        "Only one session sees a temporary table.",
        _in_session(capabilities.has_temporary_tables),
        "temporary_tables",
    ),
    Claim("interrupt", "A running statement is cancelled.", _in_session(running.statements_are_interrupted)),
    Claim("clean", "Nothing is left over.", leftovers.nothing_is_left),
)


def claims_named(names: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims of these names, in the order of `CLAIMS`; all without names. Raises RequestError."""
    known = {claim.name: claim for claim in CLAIMS}
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"Claims: {', '.join(known)}."
            raise RequestError(f"no such claim: {name!r}", hint=hint, code="FFT-301")
    return tuple(claim for claim in CLAIMS if not names or claim.name in names)


def examine(scratch: Scratch, claims: Sequence[Claim] = CLAIMS) -> Iterator[Examined]:
    """Check claims, and yield the result of each when it is known. Nothing outside of the scratch schema is changed.

    Args:
        scratch: The scratch schema, from `scratch_schema`.
        claims: The claims, see `claims_named`.
    """
    with scratch.session() as session:
        can = session.capabilities
    for claim in claims:
        declared = getattr(can, claim.capability) if claim.capability else None
        yield _examined(scratch, claim, declared)


def _examined(scratch: Scratch, claim: Claim, declared: Support | None) -> Examined:
    began = time.monotonic()
    outcome, details = _outcome(scratch, claim, declared)
    level = REQUIRED if declared is None else declared.word
    return Examined(claim.name, claim.said, level, outcome, round(time.monotonic() - began, 3), details)


def _outcome(scratch: Scratch, claim: Claim, declared: Support | None) -> tuple[Outcome, str]:
    if declared is not None and not declared:
        return "not claimed", str(declared).partition(": ")[2]
    try:
        return "held", claim.check(scratch)
    except BrokenClaimError as error:
        return "failed", str(error)
    except NotClaimedError as error:
        return "not claimed", str(error)
    except UncheckedError as error:
        return "unchecked", str(error)
    except (BusyError, ConnectError) as error:
        return "unchecked", error.problem.message.partition("\n")[0]
    except FftError as error:
        return "failed", error.problem.message.partition("\n")[0]
