"""Facts of a database that an earlier command has read, as long as nothing has been committed there since.

They lie in the user's cache folder, with the mark of the database. A plan of an unchanged project then opens no
database, and imports no driver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fft_core.engines.late import LateSession
from fft_core.engines.spec import LOCK_TIMEOUT
from fft_core.engines.spec.entry_points import installed_version
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError
from fft_core.names.functions import Definition
from fft_core.plan.records import Published
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.plain_pickle import plain_bytes, plain_value
from fft_core.version import VERSION
from fft_core.warehouse.published import Facts, read_facts
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.run.run import Run

FORMAT = 1


def facts_of(warehouse: Warehouse) -> Facts:
    """Return the facts of a database: those of an earlier command if they are still true, else read now.

    Raises:
        StateError: the records cannot be read.
    """
    engine: Any = warehouse.engine
    if not isinstance(engine, LateSession) or engine.mark is None or engine.is_open:
        return read_facts(warehouse)
    cache, name, key = ProjectCache(warehouse.project.root), _name(engine), _key(warehouse, engine)
    found = _read(cache, name, key, engine.mark)
    if found is not None:
        engine.rely_on_mark()
        return found
    facts, mark = read_facts(warehouse), engine.mark
    engine.at_close(lambda: _write(cache, name, key, mark, facts))
    return facts


def keep_facts(run: Run) -> None:
    """Read the facts of a database after a run, so that the next command need not; nothing is kept if that fails.

    The sessions of the run must be closed.
    """
    mark = spec_of(run.profile.engine).mark
    if mark is None or mark(run.profile.settings) is None:
        return
    with suppress(FftError), run.open(read_only=True, patience_seconds=0, late=True) as warehouse:
        if isinstance(warehouse.engine, LateSession):
            with warehouse.engine.turn():
                facts_of(warehouse)


def _name(engine: LateSession) -> str:
    """Return the file of the cache: one for each database."""
    return f"facts-{hashlib.sha256(repr(_settings(engine)).encode()).hexdigest()[:16]}"


def _key(warehouse: Warehouse, engine: LateSession) -> str:
    """Return a digest of all that the facts depend on beside the database: versions, and the places of nodes."""
    stored = warehouse.project.stored()
    places = [(node.name, str(warehouse.place(node.name)), str(warehouse.backing(node))) for node in stored]
    versions = [FORMAT, VERSION, *(installed_version(driver) for driver in engine.spec.drivers)]
    return hashlib.sha256(repr((versions, _settings(engine), places)).encode()).hexdigest()


def _settings(engine: LateSession) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in engine.settings.items() if name != LOCK_TIMEOUT)


def _read(cache: ProjectCache, name: str, key: str, mark: Hashable) -> Facts | None:
    match plain_value(cache.read(name) or b""):
        case (str(known), read_at, tuple(definitions), tuple(records), dict(published)) if (known, read_at) == (
            key,
            mark,
        ):
            states = {node: Published(*state) for node, state in published.items()}
            return Facts(tuple(Definition(*parts) for parts in definitions), records, states)
    return None


def _write(cache: ProjectCache, name: str, key: str, mark: Hashable, facts: Facts) -> None:
    definitions = tuple(_values(definition) for definition in facts.definitions)
    published = {node: _values(state) for node, state in facts.published.items()}
    content = plain_bytes((key, mark, definitions, facts.records, published))
    if content is not None:
        cache.write(name, content)


def _values(value: Definition | Published) -> tuple[object, ...]:
    return tuple(getattr(value, field.name) for field in fields(value))
