"""Relations that are left over in a scratch schema: none but stages of builds that were killed."""

from __future__ import annotations

from fft_core.engine_check.outcomes import BrokenClaimError
from fft_core.engine_check.scratch import PREFIX, Scratch
from fft_core.engine_check.statements import listed

_RECORDS = ("_ff_meta", "_ff_migrations", "_ff_stamps")
_STAGES = "_ff_swap_"  # beside a relation, on engines without transactions; a build of the next day drops them


def nothing_is_left(scratch: Scratch) -> str:
    """Look for relations other than those that were published, and the records. Raises as `staged_note`."""
    return staged_note(scratch).removeprefix("; ") or "no other relation"


def staged_note(scratch: Scratch) -> str:
    """Return a note about the stages of killed builds, which a later build drops; empty if there are none.

    Raises:
        BrokenClaimError: another relation is left over.
        EngineError: the schema cannot be read.
    """
    with scratch.session() as session:
        names = [name.lower() for name in scratch.names(session)]
        has_stages = not session.capabilities.transactions
    stages = [name for name in names if has_stages and name.startswith(_STAGES)]
    others = [name for name in names if name not in (*_RECORDS, *stages) and not name.startswith(PREFIX)]
    if others:
        raise BrokenClaimError(f"relations are left over: {listed(others)}")
    return f"; {len(stages)} stages of killed builds are left, which builds drop after a day" if stages else ""
