"""Reads the rows of a request from one version: a page of a walk, or all rows as a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fft_core.build.serving import is_strict, key_of
from fft_core.engines.reading import (
    AT,
    COUNT,
    KEY,
    Answer,
    NotThereError,
    Place,
    ReadColumn,
    RefusedValueError,
    TimeLimitError,
    UnfitValueError,
)
from fft_core.errors import BusyError, EngineError, UnreachableError
from fft_core.project.model import Model, NotNull, Project
from fft_serve.auth.subject import PII, Subject
from fft_serve.problems import ProblemError, busy
from fft_serve.rows.cursor import Cursor, decoded, query_digest
from fft_serve.rows.request import Asked, Question, Visible, question, read_asked
from fft_serve.sources import Version, gone, pinned_version

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_serve.settings import ServeSettings
    from fft_serve.state import Loaded

_TRIES = 4
_STARS = "***"


@dataclass(frozen=True)
class RowsRequest:
    """A request for the rows of a model.

    Attributes:
        loaded: The project.
        model: The model.
        subject: Who asks.
        parameters: The query parameters.
        settings: The limits.
    """

    loaded: Loaded
    model: Model
    subject: Subject
    parameters: Sequence[tuple[str, str]]
    settings: ServeSettings


@dataclass(frozen=True)
class Page:
    """A page of rows, or all of them, of one version.

    Attributes:
        version: The version.
        schema: The columns of the answer.
        json_columns: The columns whose texts are JSON.
        batches: The rows.
        next: The cursor of the next page; None at the end.
        count: The number of all rows, if it was asked for.
    """

    version: Version
    schema: pa.Schema
    json_columns: tuple[str, ...]
    batches: Iterator[pa.RecordBatch]
    next: str | None = None
    count: int | None = None


def visible_to(request: RowsRequest, columns: Sequence[ReadColumn]) -> Visible:
    """Return what the subject may see of a model. Raises ProblemError."""
    model, project, subject = request.model, request.loaded.project, request.subject
    personal = frozenset[str]() if subject.may(PII) else pii_columns(model)
    seen = tuple(column for column in columns if column.name.lower() not in personal)
    hidden = tuple(column.name for column in columns if column.name.lower() in personal)
    if not seen:
        raise ProblemError("forbidden", f"all columns of {model.name} are personal: the token needs {PII}", scope=PII)
    predicate, parameters = "", tuple[tuple[str, str], ...]()
    if model.name in request.loaded.predicates:
        predicate, parameters = request.loaded.predicates[model.name].given(subject.claims)
    key, strict, never_null = _key(project, model, seen)
    masked = hidden if request.settings.pii == "mask" else ()
    return Visible(seen, masked, predicate, parameters, key, strict, never_null)


def pii_columns(model: Model) -> frozenset[str]:
    """Return the columns of a model with personal values, in lower case."""
    return frozenset(column.name.lower() for column in model.columns if column.is_pii)


def _key(project: Project, model: Model, columns: Sequence[ReadColumn]) -> tuple[tuple[str, ...], bool, frozenset[str]]:
    """Return the visible key of a model, whether it tells rows apart, and the columns that are never NULL."""
    names = {column.name.lower(): column.name for column in columns}
    found = [names.get(name.lower()) for name in key_of(project, model)]
    checks = [check for check in project.checks_of(model.name) if is_strict(check)]
    filled = {check.rule.column.lower() for check in checks if isinstance(check.rule, NotNull)}
    never_null = frozenset(name for lower, name in names.items() if lower in filled)
    key = tuple(name for name in found if name is not None)
    if len(key) < len(found):
        return (), False, never_null
    is_checked = any(check.type == "unique" for check in checks)
    return key, is_checked and set(key) <= never_null, never_null


def version_of_now(request: RowsRequest) -> Version | None:
    """Return the published version, if the request can be answered from it; None if it cannot, or only with luck."""
    sources, name = request.loaded.sources, request.model.name
    with explained(name):
        try:
            version = sources.version(name)
            place = sources.look(name, None).place
            visible = visible_to(request, sources.columns(place, version.stamp))
            asked = read_asked(request.parameters, visible, request.settings)
            question(asked, visible, place, sources.reader, asked.limit, request.settings)
        except (ProblemError, NotThereError):  # the answer itself says why, or a build is just being published
            return None
        return version


def rules_of(request: RowsRequest) -> str:
    """Return a digest of the rules that hide values or rows from a reader; empty if there are none."""
    personal = () if request.subject.may(PII) else tuple(sorted(pii_columns(request.model)))
    where = request.model.serve.where if request.model.serve is not None else None
    if not personal and where is None:
        return ""
    return query_digest([personal, request.settings.pii if personal else None, where])[:8]


@contextmanager
def open_page(request: RowsRequest, *, default_limit: int | None) -> Iterator[Page]:
    """Read rows; they are there while the context lasts.

    Args:
        request: The request.
        default_limit: The number of rows if the request has no limit; None for all rows, as a stream.

    Raises:
        ProblemError: the request cannot be answered.
    """
    with explained(request.model.name):
        stack, page = _opened(request, default_limit)
    with stack:
        yield page


def _opened(request: RowsRequest, default_limit: int | None) -> tuple[AbstractContextManager[Any], Page]:
    """Open an answer whose columns are those of its version: a build in between makes us ask again."""
    sources, model = request.loaded.sources, request.model.name
    stamp = sources.last_stamp(model)
    for _ in range(_TRIES):
        look = sources.look(model, _version_of_walk(request))
        try:
            asked = _question(request, look.place, stamp, default_limit)
        except (ProblemError, NotThereError):
            now = sources.version(model).stamp
            if now == stamp or not sources.is_live:
                raise
            stamp = now  # the columns were those of another build
            continue
        seconds = request.settings.stream_seconds if asked.limit is None else request.settings.seconds
        context = sources.reader.read(asked.query, seconds)
        try:
            answer = context.__enter__()
        except NotThereError:
            version = sources.version(model)
            if asked.cursor is not None:
                raise gone(model, version.data_version) from None
            if sources.is_live and version.stamp == stamp:
                raise
            stamp = version.stamp
            continue
        page = _checked(request, asked, answer, look.version, stamp, context)
        if isinstance(page, Page):
            return _Closing(context), page
        stamp = page
    raise busy(f"{model} is built again and again: try later")


def _checked(
    request: RowsRequest,
    asked: Question,
    answer: Answer,
    known: Version | None,
    stamp: str,
    context: AbstractContextManager[Answer],
) -> Page | str:
    """Return the page of an answer; or the stamp of its version, whose columns are others than those asked for."""
    sources, place = request.loaded.sources, asked.query.place
    try:
        version = pinned_version(answer.pin) if answer.pin is not None else known
        assert version is not None  # one of both is known of each engine
        if asked.cursor is not None:
            pinned = asked.query.by_row_number
            _refuse_other_version(asked.cursor, version, request.model.name, pinned=pinned)
        elif sources.is_live and version.stamp != stamp:
            if sources.columns(place, stamp) != sources.columns(place, version.stamp):
                context.__exit__(None, None, None)
                return version.stamp
            sources.note_stamp(request.model.name, version.stamp)
        return _page(request, asked, answer, version)
    except BaseException as error:
        context.__exit__(type(error), error, error.__traceback__)
        raise


def _version_of_walk(request: RowsRequest) -> str | None:
    """Return the data version in the cursor; it is only believed after the cursor has been compared with the query."""
    text = dict(request.parameters).get("cursor")
    cursor = decoded(text) if text else None
    return cursor.version if cursor is not None else None


def _question(request: RowsRequest, place: Place, stamp: str, default_limit: int | None) -> Question:
    sources = request.loaded.sources
    visible = visible_to(request, sources.columns(place, stamp))
    asked = read_asked(request.parameters, visible, request.settings)
    limit = asked.limit if asked.limit is not None else default_limit
    if asked.cursor is not None and limit is None:
        limit = request.settings.default_rows
    return question(asked, visible, place, sources.reader, limit, request.settings)


def _refuse_other_version(cursor: Cursor, version: Version, model: str, *, pinned: bool) -> None:
    same = cursor.pin == version.pin if pinned else cursor.version == version.data_version
    if not same:
        raise gone(model, version.data_version)


def _page(request: RowsRequest, asked: Question, answer: Answer, version: Version) -> Page:
    batches, next_cursor, counted = answer.batches, None, None
    if asked.limit is not None:
        rows = list(batches)
        counted = _counted(asked, rows)
        next_cursor = _next(asked, rows, version)
        batches = _first(rows, asked.limit)
    names = list(asked.asked.select)
    schema, shaped = _shaped(answer.schema, names, batches)
    columns = request.loaded.sources.columns(asked.query.place, version.stamp)
    json_columns = tuple(column.name for column in columns if column.type.lower() in ("json", "jsonb"))
    count = counted
    if asked.asked.counts and count is None:
        count = _recorded_count(asked.asked, version, request)
    return Page(version, schema, json_columns, shaped, next_cursor, count)


def _counted(asked: Question, rows: Sequence[pa.RecordBatch]) -> int | None:
    """Return the number of rows that fit the filters, which each row of a page has; None if it was not asked for."""
    if asked.query.count_where is None:
        return None
    return next((int(batch.column(COUNT)[0].as_py()) for batch in rows if batch.num_rows), 0)


def _recorded_count(asked: Asked, version: Version, request: RowsRequest) -> int:
    """Return the recorded number of all rows, which costs nothing. Raises ProblemError if it is not the answer."""
    if asked.filters or request.model.name in request.loaded.predicates or version.rows is None:
        raise ProblemError("bad_parameter", "count=exact with filters is for pages: add a limit")
    return version.rows


def _next(asked: Question, rows: Sequence[pa.RecordBatch], version: Version) -> str | None:
    """Return the cursor behind the last row of a page, if there is a row more."""
    limit = asked.limit or 0
    if sum(batch.num_rows for batch in rows) <= limit:
        return None
    last = limit - 1
    for batch in rows:
        if last < batch.num_rows:
            break
        last -= batch.num_rows
    keys = tuple(batch.column(f"{KEY}{index}")[last].as_py() for index in range(len(asked.query.order)))
    at = batch.column(AT)[last].as_py() if asked.query.by_row_number else ""
    begun = asked.cursor.begun if asked.cursor is not None else int(time.time())
    return Cursor(version.data_version, version.pin, asked.digest, keys, at, begun).text()


def _first(rows: Sequence[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        part = batch.slice(0, limit)
        limit -= part.num_rows
        yield part
        if limit <= 0:
            return


def _shaped(
    schema: pa.Schema, names: Sequence[str], batches: Iterator[pa.RecordBatch]
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Keep the columns of the answer, in order; those that are masked are stars."""
    import pyarrow as pa

    there = set(schema.names)
    fields = [schema.field(name) if name in there else pa.field(name, pa.string()) for name in names]
    shape = pa.schema([field.remove_metadata() for field in fields])

    def shaped() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            arrays = [
                batch.column(name) if name in there else pa.array([_STARS] * batch.num_rows, pa.string())
                for name in names
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=shape)

    return shape, shaped()


class _Closing:
    """A context that was entered before."""

    def __init__(self, context: AbstractContextManager[Any]) -> None:
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> bool | None:
        return self._context.__exit__(*error)


def unfit(model: str) -> ProblemError:
    """Return the error of rows with a value that a format has no place for."""
    said = f"a value of {model} cannot be sent in this format: cast its column to text in the model"
    return ProblemError("not_acceptable", said)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the errors of a reader into problems."""
    try:
        yield
    except RefusedValueError as error:
        raise ProblemError("bad_value", f"the database refuses a value: {error.problem.message}") from error
    except TimeLimitError as error:
        raise ProblemError("time_limit", f"the rows of {what} took too long: ask for fewer") from error
    except UnfitValueError as error:
        raise unfit(what) from error
    except NotThereError as error:
        raise ProblemError("not_built", f"{what} is not in the database", headers={"Retry-After": "10"}) from error
    except (BusyError, UnreachableError) as error:
        headers = {"Retry-After": "5"}
        raise ProblemError("unavailable", "the database cannot be reached now", headers=headers) from error
    except EngineError as error:
        raise ProblemError("internal", f"the rows of {what} cannot be read") from error
