"""The version of a source: the cheapest reliable one that its engine and its declaration offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fft_core.engines.protocol import Session
from fft_core.errors import StatementError
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.names.unused import rows_of
from fft_core.plan.records import digest_of
from fft_core.project.model import (
    FingerprintSettings,
    NoVersion,
    Project,
    Source,
    SourceName,
    VersionByColumn,
    VersionByDigest,
    VersionByQuery,
)


def source_version(engine: Session, source: Source, relation: Relation, settings: FingerprintSettings) -> str | None:
    """Return a text that changes whenever the rows of a source do; None if the source has no version.

    Raises:
        StatementError: a declared column or query does not work; the error has the place of the source's declaration.
    """
    if relation not in engine.inspect([relation]):
        return None
    try:
        value = _version(engine, source, relation, settings)
    except StatementError as error:
        message = f"the version of source {source.name} cannot be read: {error.problem.message}"
        raise StatementError(message, sql=error.sql, where=source.location) from error
    return None if value is None else f"{relation}:{value}"


def source_versions(
    engine: Session, project: Project, names: Iterable[str], relation: Callable[[SourceName], Relation]
) -> dict[str, str | None]:
    """Return the versions of those names that are sources; None for a source without one; see `source_version`."""
    wanted = set(names)
    return {
        str(source.name): source_version(engine, source, relation(source.name), project.fingerprint)
        for source in project.sources.values()
        if str(source.name) in wanted
    }


def _version(engine: Session, source: Source, relation: Relation, settings: FingerprintSettings) -> str | None:
    table = relation.sql(engine.spelling)
    match source.version:
        case NoVersion():
            return None
        case VersionByQuery(query):
            return "query:" + digest_of([query, [[str(value) for value in row] for row in engine.fetch(query)]])
        case VersionByColumn(column):
            there = ColumnNames(c.name for c in engine.columns(engine.spelling.select_all(relation)))
            name = engine.spelling.quoted(there.find(column) or column)
            ((latest, rows),) = engine.fetch(f"select max({name}), count(*) from {table}")
            return f"column:{column}:{latest}:{rows}"
        case VersionByDigest(None) if token := _known(engine, relation):
            return f"known:{token}"
        case VersionByDigest(max_rows):
            limit = settings.digest_max_rows if max_rows is None else max_rows
            ((rows,),) = engine.fetch(f"select count(*) from {table}")
            return rows_digest(engine, relation) if rows <= limit else None


def _known(engine: Session, relation: Relation) -> str | None:
    """Return the engine's own version of a relation's rows, if the engine has versions."""
    return engine.versions.known([relation]).get(relation) if engine.capabilities.knows_versions else None


def rows_digest(engine: Session, relation: Relation) -> str | None:
    """Return a digest of a relation's columns and all its rows, from one scan; None if the engine cannot make one."""
    columns = engine.columns(engine.spelling.select_all(relation))
    row = rows_of(column.name for column in columns)
    ((rows, digest),) = engine.fetch(
        f"select count(*), {engine.versions.digest(row, columns)} from {relation.sql(engine.spelling)} as {row}"
    )
    if rows and digest is None:
        return None
    return digest_version([(column.name, column.type) for column in columns], rows, digest)


def digest_version(columns: list[tuple[str, str]], rows: int, digest: str | None) -> str:
    """Return a data version from the columns, the number of rows and the engine's digest of them."""
    return f"digest:{digest_of([columns, rows, digest])[:32]}"
