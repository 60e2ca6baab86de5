"""The rows of a seed as a query: the rows of its file, with columns for the file and the time of the load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from fft_core.compile.single_query import select_of
from fft_core.errors import FftError, Location, SeedError, StatementError
from fft_core.project.model import Seed
from fft_core.warehouse.warehouse import Warehouse


@contextmanager
def seed_rows(warehouse: Warehouse, seed: Seed, loaded: datetime) -> Iterator[str]:
    """Make the rows of a seed's file selectable while the context lasts; yield the SELECT that reads them.

    While the context lasts, errors of the database name the file.

    Args:
        warehouse: The session of this thread.
        seed: The seed.
        loaded: The time when this content was first loaded. It is a column, so the same content must get the same time.

    Raises:
        FftError: the file is missing.
        SeedError: the file cannot be read as a table.
    """
    with _explained(seed):
        if not (warehouse.project.root / seed.path).is_file():
            message = f"the file of seed {seed.name!r} does not exist"
            raise FftError(message, where=Location(seed.path), hint="Was it moved?", code="FFT-421")
        spelling = warehouse.engine.spelling
        extra = (
            f"{spelling.zoned(loaded)} as _ff_loaded_at, {spelling.literal(seed.seed_id)} as _ff_seed_id, "
            f"{spelling.literal(seed.path.as_posix())} as _ff_seed_file"
        )
        with _file_query(warehouse, seed) as rows:
            yield f"select *, {extra} from ({rows}) as _ff_seed"


def _file_query(warehouse: Warehouse, seed: Seed) -> AbstractContextManager[str]:
    path = warehouse.project.root / seed.path
    if path.suffix == ".sql":
        text = path.read_text(encoding="utf-8")
        return nullcontext(select_of(text, warehouse.engine.dialect, Location(seed.path)))
    return warehouse.engine.frames.file_query(path, seed.column_types, seed.form)


@contextmanager
def _explained(seed: Seed) -> Iterator[None]:
    try:
        yield
    except SeedError as error:
        said = f"Set it in seeds/schema.yml: files: {{{seed.seed_id}: {{{error.setting}}}}}." if error.setting else None
        where, hint = Location(seed.path, error.line), error.problem.hint or said
        raise SeedError(error.problem.message, line=error.line, where=where, hint=hint, code=error.code) from error
    except StatementError as error:
        if error.problem.where:
            raise
        problem, declared = error.problem, ", ".join(f"{name}: {kind}" for name, kind in seed.column_types.items())
        hint = problem.hint or (f"Its types are those of seeds/schema.yml: {declared}." if declared else None)
        raise StatementError(
            problem.message,
            sql=error.sql,
            where=Location(seed.path),
            hint=hint,
            position=error.position,
            code="FFT-422",
        ) from error
