"""Builds that die: readers see old or new rows, the next build heals them, and the one after that has nothing to do.

The builds run in child processes, which end by SIGKILL after each of their statements in turn.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeAlias

from fft_core.engine_check.children import Builder
from fft_core.engine_check.leftovers import staged_note
from fft_core.engine_check.outcomes import BrokenClaimError, UncheckedError
from fft_core.engine_check.scratch import Scratch
from fft_core.engine_check.statements import numbers
from fft_core.errors import StatementError
from fft_core.json_files import write_text_file
from fft_core.project.model import Project
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.load import load_project
from fft_core.run.run import Run

_ROWS = 20
_NEWER = "{% if is_incremental() %} where {0} > (select max(version) from {{ this }}){% endif %}"
Versions: TypeAlias = list[tuple[int, int]]  # each version, with its number of rows


class VersionedModel:
    """A model of which each build replaces or adds rows of a new version.

    Args:
        scratch: The place of its relation.
        folder: An empty folder for the project.
        name: The model's name.
        is_added: Whether each build adds its rows, as an incremental model; else they replace the old ones.
    """

    def __init__(self, scratch: Scratch, folder: Path, name: str, *, is_added: bool) -> None:
        self.scratch, self.folder, self.name, self.is_added = scratch, folder, name, is_added
        write_text_file(folder / "project.yml", "name: engine_check\nversion: '1'\n")

    def at(self, version: int) -> Project:
        """Return the project whose model has this version."""
        query = f"select i, {version} as version from ({numbers(_ROWS)}) as s"
        if self.is_added:
            config = "{{ config(materialized='incremental', strategy='append') }}"
            query = f"{config}\n{query}{_NEWER.replace('{0}', str(version))}"
        write_text_file(self.folder / "models" / f"{self.name}.ff.sql", query)
        ours = self.scratch.project
        loaded = load_project(self.folder, ours.env, engine=ours.engine, environment=ours.environment)
        return replace(loaded, profiles_read=ours.profiles)

    def build(self, project: Project) -> bool:
        """Build or reuse the model in this process; return whether it was built. Raises the errors of a build."""
        with (
            Run(project, nodes={self.name}, defer="") as run,
            self.scratch.interruptible(run.sessions.of_thread().engine),
        ):
            (node,) = run.order()
            return run.build(node).decision.is_build

    def seen(self) -> Versions:
        """Return the versions that a reader finds, with their numbers of different rows; none without a relation."""
        with self.scratch.session() as session:
            source = session.relation(self.name).sql(session.spelling)
            try:
                rows = session.fetch(f"select version, count(*), count(distinct i) from {source} group by version")
            except StatementError as error:
                if error.missing is None:
                    raise
                return []
        return sorted((int(version), int(number) if number == different else -1) for version, number, different in rows)

    def after(self, old: Versions, version: int) -> Versions:
        """Return the versions after a complete build of one."""
        return [*(old if self.is_added else []), (version, _ROWS)]


def tables_heal(scratch: Scratch) -> str:
    """Kill builds of a table. Raises as `heals`."""
    return heals(scratch, "ff_check_crashed", is_added=False)


def increments_heal(scratch: Scratch) -> str:
    """Kill builds of an incremental model that adds rows. Raises as `heals`."""
    return heals(scratch, "ff_check_added", is_added=True)


def heals(scratch: Scratch, name: str, *, is_added: bool) -> str:
    """Kill a build after each of its statements, and build again each time; return how often that was done.

    Raises:
        BrokenClaimError: a reader found rows that are neither the old nor the new ones; the next build did not heal
            them, or was skipped wrongly; the build after it was not skipped; or something was left over.
        UncheckedError: another process does not see the database.
        FftError: a build fails by itself.
    """
    folder = Path(tempfile.mkdtemp(prefix="fft_check_"))
    try:
        model = VersionedModel(scratch, folder, name, is_added=is_added)
        with Builder() as builder:
            builder.build(model.at(1), 0)
            if model.seen() != model.after([], 1):
                raise UncheckedError("a table that another process builds is not seen: is the database in memory?")
            killed = next(number for number in count() if not _heals_once(model, builder, number + 1))
        return f"{killed} builds were killed, one after each statement{staged_note(scratch)}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError, RuntimeError):
            shutil.rmtree(ProjectCache(folder).folder, ignore_errors=True)


def _heals_once(model: VersionedModel, builder: Builder, statements: int) -> bool:
    """Kill a build after a number of statements, and build again; return whether it was killed before its end."""
    version, old = statements + 1, model.seen()
    project, new = model.at(version), model.after(old, version)
    is_killed = builder.build(project, statements)
    place = f"a build that died after {statements} statements" if is_killed else "a build"
    found = model.seen()
    if found not in (old, new) or (not is_killed and found != new):
        raise BrokenClaimError(f"{place} left {_said(found)}; expected {_said(old)} or {_said(new)}")
    is_built = model.build(project)
    if found == old and not is_built:
        raise BrokenClaimError(f"{place} left the old rows, and the next one was skipped")
    healed = model.seen()
    if healed != new:
        raise BrokenClaimError(f"after {place}, the next one left {_said(healed)}; expected {_said(new)}")
    if model.build(project):
        raise BrokenClaimError(f"after {place} and one more, the model was built a third time")
    return is_killed


def _said(versions: Versions) -> str:
    return ", ".join(f"{number} rows of version {version}" for version, number in versions) or "no relation"
