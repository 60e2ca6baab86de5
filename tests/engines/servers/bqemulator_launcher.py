"""Runs bqemulator 1.4.0 with the gaps filled that our statements meet: python bqemulator_launcher.py PORT GRPC_PORT.

It runs with the Python of its own environment, see `bqemulator_server.py`. What is mended here proves nothing about
BigQuery; docs/reference/bigquery.md says what is proven where. It reaches into private functions, so the version is
pinned.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import duckdb_extensions

duckdb_extensions.import_extension("spatial")

import bqemulator.api.routes.jobs as jobs  # noqa: E402
import bqemulator.api.routes.tables as tables  # noqa: E402
import bqemulator.api.routes.upload as upload  # noqa: E402
import bqemulator.catalog.ddl_sync as ddl_sync  # noqa: E402
import bqemulator.catalog.models as models  # noqa: E402
import bqemulator.jobs.executor as executor  # noqa: E402
import bqemulator.scripting.interpreter as interpreter  # noqa: E402
import bqemulator.server as server  # noqa: E402
import bqemulator.storage.engine as engine_module  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402
from bqemulator.domain.errors import InvalidQueryError  # noqa: E402
from bqemulator.jobs.error_mapper import translate_runtime_error  # noqa: E402

Body = dict[str, Any]
Message = MutableMapping[str, Any]
_JOBS = re.compile(r"^/bigquery/v2/projects/[^/]+/(jobs|queries)$")
_JOB = re.compile(r"^/bigquery/v2/projects/[^/]+/(jobs|queries)/([^/]+)$")
_HELD = re.compile("'held until it is asked for'|^begin transaction;.*held_until_asked_for", re.DOTALL)
_CANCEL = re.compile(r"^/bigquery/v2/projects/[^/]+/jobs/([^/]+)/cancel$")
_NAME = r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`"
_TEXT = r"'((?:[^'\\]|\\.)*)'"
_DESCRIBED = re.compile(rf"alter (?:table|view) {_NAME} set options\(description={_TEXT}\)", re.DOTALL)
_COLUMN = re.compile(rf"alter table {_NAME} alter column `([^`]+)` set options\(description={_TEXT}\)", re.DOTALL)
_VIEW = re.compile(rf"create (?:or replace )?view {_NAME} options\(description={_TEXT}\) as\n", re.DOTALL)
_RENAMED = re.compile(rf"alter table {_NAME} rename to `([^`]+)`", re.IGNORECASE)  # the emulator writes it again
_CREATED = re.compile(rf"create (or replace )?table {_NAME}((?:(?! options\()[^\n])*)( options\([^\n]*)? as\n")
_BY_TIME = re.compile(r" partition by (?:(?:date|datetime|timestamp)_trunc\()?`?(\w+)`?(?:, (\w+)\))?(?= cluster by|$)")
_BY_RANGE = re.compile(r" partition by range_bucket\(`([^`]+)`, generate_array\((-?\d+), (-?\d+), (\d+)\)\)")
_TEXT_OF = {"n": "\n", "r": "\r", "t": "\t"}
_job: ContextVar[str] = ContextVar("job", default="")
_sent: ContextVar[str] = ContextVar("sent", default="")  # the statement, before names get their dataset
_running: dict[str, Any] = {}  # the cursor of each query that runs
_cancelled: set[str] = set()
_sent_jobs: dict[str, Sent] = {}
_seen: dict[tuple[str, str, str], tuple[Any, int]] = {}  # a hash of a table's rows, and when it was another one


@dataclass
class Sent:
    """A job that the service has been sent. It goes on if the client is gone, and nobody can start it again.

    What `_HELD` matches is in the service's queue until somebody asks for the state of its job.
    """

    answer: Body  # while it has not ended
    labels: Body
    is_asked_for: asyncio.Event
    has_ended: asyncio.Event


class Stopped(InvalidQueryError):  # type: ignore[misc]
    """A job that was cancelled."""


def plain(text: str) -> str:
    """The value of a literal as FFT spells it."""
    return re.sub(r"\\(.)", lambda found: _TEXT_OF.get(found[1], found[1]), text, flags=re.DOTALL)


# --- statements -------------------------------------------------------------------------------------------------------

_run_single = executor._run_single_sql


async def run_single(project: str, sql: str, params: Any, ctx: Any, *, caller: Any) -> Any:
    """Descriptions are kept; two columns of one name are an error; a SELECT runs in a thread, and can be cancelled."""
    sent = _sent.get() or sql
    described = _DESCRIBED.fullmatch(sent)
    if described:
        describe(ctx, *described.groups()[:3], description=plain(described[4]))
        return pa.table({})
    column = _COLUMN.fullmatch(sent)
    if column:
        describe_column(ctx, *column.groups()[:4], description=plain(column[5]))
        return pa.table({})
    refuse_another_layout(ctx, sent)
    begin = re.match(r"create [^\n]* as\n", sent)
    if begin:
        await refuse_repeated(project, sent[begin.end() :], ctx, caller)
    try:
        found = await _run_single(
            project, sql, params, Context(ctx, InThread(ctx.engine)) if is_query(sql) else ctx, caller=caller
        )
        return await found if isinstance(found, Awaitable) else found
    except duckdb.InterruptException as error:
        raise Stopped("Job execution was cancelled: User requested cancellation") from error


def is_query(sql: str) -> bool:
    return bool(re.match(r"\s*(?:select|with)\b", sql, re.IGNORECASE))


class Context:
    """The emulator's context, with another engine."""

    def __init__(self, ctx: Any, engine: Any) -> None:
        self._ctx, self.engine = ctx, engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


class InThread:
    """An engine that fetches in a thread, by a cursor of its own that can be interrupted."""

    def __init__(self, engine: Any) -> None:
        self._engine, self._job = engine, _job.get()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def fetch_arrow(self, sql: str, parameters: Any = None) -> Any:
        try:
            return await asyncio.to_thread(self._fetch, sql, parameters)
        except duckdb.InterruptException as error:
            raise Stopped("Job execution was cancelled: User requested cancellation") from error
        except duckdb.Error as error:
            raise translate_runtime_error(error, duckdb_sql=sql) from error

    def _fetch(self, sql: str, parameters: Any) -> Any:
        engine = self._engine
        with engine.connection.cursor() as cursor:
            cursor.execute("set TimeZone = 'UTC'")
            _running[self._job] = cursor
            try:
                if self._job in _cancelled:
                    raise Stopped("Job execution was cancelled: User requested cancellation")
                return Fetching(cursor, engine).fetch_arrow(sql, parameters)
            finally:
                _running.pop(self._job, None)


class Fetching:
    """An engine on another cursor."""

    def __init__(self, cursor: Any, engine: Any) -> None:
        self._cursor, self._fetch = cursor, type(engine).fetch_arrow
        self.connection = cursor

    def execute(self, sql: str, parameters: Any = None) -> Any:
        return self._cursor.execute(sql, parameters) if parameters is not None else self._cursor.execute(sql)

    def fetch_arrow(self, sql: str, parameters: Any) -> Any:
        return self._fetch(self, sql, parameters)


async def refuse_repeated(project: str, query: str, ctx: Any, caller: Any) -> None:
    try:
        found = await _run_single(project, f"select * from (\n{query}\n) limit 0", None, ctx, caller=caller)
    except Exception:  # noqa: BLE001 - the statement itself says it
        return
    names = [re.sub(r"(?:_|:)\d+$", "", name) for name in found.schema.names]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated and len({*found.schema.names}) == len(found.schema.names) and is_repeated(query, repeated):
        raise InvalidQueryError(
            f"Duplicate column names in the result are not supported. Found duplicate(s): {repeated}"
        )


def is_repeated(query: str, name: str) -> bool:
    return len(re.findall(rf"\bas `?{re.escape(name)}`?\b", query, re.IGNORECASE)) > 1


_sync_view = executor.sync_created_view


def sync_view(sql: str, project: str, ctx: Any) -> None:
    """A view keeps the description of its statement."""
    _sync_view(sql, project, ctx)
    found = _VIEW.match(_sent.get() or sql)
    if found:
        describe(ctx, *found.groups()[:3], description=plain(found[4]))


_sync_table, _sync_dropped = executor.sync_created_table, executor.sync_dropped_object


def sync_table(sql: str, project: str, ctx: Any) -> None:
    """A table keeps the partitions, clusters and labels of its statement."""
    _sync_table(sql, project, ctx)
    found = _CREATED.match(_sent.get() or sql)
    if found:
        table = described_table(ctx, *found.groups()[1:4])
        labels = dict(re.findall(r"\('([^']*)', '([^']*)'\)", found[6] or "")) if "labels=[" in (found[6] or "") else {}
        ctx.catalog.update_table(updated(table, labels=labels, **layout_of(found[5])))


def layout_of(clauses: str) -> Body:
    """The partitions and clusters in a statement that creates a table."""
    ranges, time, clusters = _BY_RANGE.match(clauses), _BY_TIME.match(clauses), clauses.partition(" cluster by ")[2]
    names = tuple(name.strip("` ") for name in clusters.split(",") if name)
    return {
        "time_partitioning": models.TimePartitioning(type=(time[2] or "day").upper(), field=time[1]) if time else None,
        "range_partitioning": models.RangePartitioning(
            field=ranges[1], start=int(ranges[2]), end=int(ranges[3]), interval=int(ranges[4])
        )
        if ranges
        else None,
        "clustering": models.Clustering(fields=names) if names else None,
    }


def refuse_another_layout(ctx: Any, sql: str) -> None:
    """A table is not replaced by one with other partitions or clusters."""
    found = _CREATED.match(sql)
    there = ctx.catalog.get_table(*found.groups()[1:4]) if found and found[1] else None
    for key, value in layout_of(found[5]).items() if found and there is not None else ():
        if getattr(there, key) != value:
            word = "clustering" if key == "clustering" else "partitioning"
            raise InvalidQueryError(
                f"Cannot replace a table with a different {word} spec. Instead, DROP the table, and then recreate it."
            )


def sync_dropped(sql: str, project: str, ctx: Any) -> None:
    """A table that is renamed is found by its new name."""
    _sync_dropped(sql, project, ctx)
    found = _RENAMED.match(sql.strip())
    if found:
        table = described_table(ctx, *found.groups()[:3])
        ctx.catalog.delete_table(*found.groups()[:3])
        ctx.catalog.create_table(updated(table, table_id=found[4]))


def described_table(ctx: Any, project: str, dataset: str, name: str) -> Any:
    found = ctx.catalog.get_table(project, dataset, name)
    if found is None:
        raise InvalidQueryError(f"Not found: Table {project}:{dataset}.{name} was not found in location US")
    return found


def describe(ctx: Any, project: str, dataset: str, name: str, *, description: str) -> None:
    table = described_table(ctx, project, dataset, name)
    ctx.catalog.update_table(updated(table, description=description))


def describe_column(ctx: Any, project: str, dataset: str, name: str, column: str, *, description: str) -> None:
    table = described_table(ctx, project, dataset, name)
    fields = tuple(
        updated(field, description=description) if field.name.lower() == column.lower() else field
        for field in table.schema_.fields
    )
    ctx.catalog.update_table(updated(table, schema_=updated(table.schema_, fields=fields)))


def updated(value: Any, **changes: Any) -> Any:
    """A copy of a pydantic model or a dataclass with other values."""
    return value.model_copy(update=changes) if hasattr(value, "model_copy") else replace(value, **changes)


# --- descriptions of tables -------------------------------------------------------------------------------------------

_table_to_rest = tables._table_to_rest
_context: list[Any] = []


def table_to_rest(table: Any) -> Body:
    """A location; the number of rows, and the time of the last change of rows, that the tables really have."""
    if table.table_type == "TABLE" and _context:
        table = with_columns(table)
    body: Body = _table_to_rest(table)
    body["location"] = "US"
    if ranges := table.range_partitioning:
        steps = {key: str(getattr(ranges, key)) for key in ("start", "end", "interval")}
        body["rangePartitioning"] = {"field": ranges.field, "range": steps}
    if table.table_type == "TABLE" and _context:
        place = (table.project_id, table.dataset_id, table.table_id)
        rows, mark = rows_of(place)
        before, changed = _seen.get(place, (None, 0))
        now = int(datetime.now(UTC).timestamp() * 1000)
        if before != (mark, body["creationTime"]):
            changed = max(now, changed + 1)
            _seen[place] = ((mark, body["creationTime"]), changed)
        body["numRows"], body["lastModifiedTime"] = str(rows), str(changed)
    return body


def with_columns(table: Any) -> Any:
    """The columns that a table has, after ALTER TABLE as well."""
    place = (table.project_id, table.dataset_id, table.table_id)
    with _context[0].engine.connection.cursor() as cursor:  # requests for tables come in threads
        ctx = Context(_context[0], Fetching(cursor, _context[0].engine))
        try:
            found = ddl_sync._introspect_schema(*place, ctx)
        except duckdb.Error:  # it is being dropped
            return table
    known = {field.name: field for field in table.schema_.fields}
    if not found.fields or [*known] == [field.name for field in found.fields]:
        return table
    return updated(table, schema_=updated(found, fields=tuple(known.get(f.name, f) for f in found.fields)))


def rows_of(place: tuple[str, str, str]) -> tuple[int, int]:
    name = executor.quoted_table_ref(*place)
    with _context[0].engine.connection.cursor() as cursor:
        try:
            found = cursor.execute(
                f"select count(*), coalesce(sum(hash(t)), 0) % 1000000007 from {name} as t"
            ).fetchone()
        except duckdb.Error:
            return 0, 0
    return int(found[0]), int(found[1])


# --- loads and copies -------------------------------------------------------------------------------------------------

_permitted = upload._is_permitted_media_type


def is_permitted(kind: str) -> bool:
    """The client calls a part of an upload `*/*`."""
    return kind in ("*/*", "text/plain") or bool(_permitted(kind))


def field_of(field: Any) -> Body:
    """A field of a Parquet file, as BigQuery calls it."""
    kind, extra, mode = field.type, Body(), "NULLABLE"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind, mode = kind.value_type, "REPEATED"
    names = {
        "boolean": "BOOLEAN",
        "integer": "INTEGER",
        "floating": "FLOAT",
        "decimal": "NUMERIC",
        "date": "DATE",
        "time": "TIME",
        "binary": "BYTES",
    }
    name = next((said for word, said in names.items() if getattr(pa.types, f"is_{word}")(kind)), "STRING")
    if pa.types.is_timestamp(kind):
        name = "TIMESTAMP" if kind.tz else "DATETIME"
    if pa.types.is_struct(kind):
        name, extra = "RECORD", {"fields": [field_of(kind.field(place)) for place in range(kind.num_fields)]}
    return {"name": field.name, "type": name, "mode": mode, **extra}


_load = executor.execute_load_job


async def load(project: str, job: str, config: Body, ctx: Any) -> Any:
    """A table that is not there gets the columns of the file."""
    said = config.get("load", {})
    place = said.get("destinationTable", {})
    is_parquet = said.get("sourceFormat", "").upper() == "PARQUET" and not (said.get("schema") or {}).get("fields")
    there = ctx.catalog.get_table(place.get("projectId", project), place.get("datasetId", ""), place.get("tableId", ""))
    if is_parquet and there is None:
        path = executor._resolve_uri(said["sourceUris"][0], ctx)
        said["schema"] = {"fields": [field_of(field) for field in parquet.read_schema(path)]}
    return await _load(project, job, config, ctx)


# --- requests ---------------------------------------------------------------------------------------------------------


def with_destination(body: Body, ctx: Any, project: str) -> Body | None:
    """Write what a query job gives into its destination, which the emulator leaves out; return the destination."""
    query: Body = (body.get("configuration") or {}).get("query") or {}
    place = query.get("destinationTable")
    if not place or body["configuration"].get("dryRun") or place.get("datasetId", "").startswith("_"):
        return None
    table = place["tableId"].split("$")[0]
    name = f"`{place.get('projectId', project)}`.`{place['datasetId']}`.`{table}`"
    there = ctx.catalog.get_table(place.get("projectId", project), place["datasetId"], table) is not None
    column = (query.get("timePartitioning") or {}).get("field")
    clustered = (query.get("clustering") or {}).get("fields")
    layout = (f" partition by {column}" if column else "") + (
        f" cluster by {', '.join(clustered)}" if clustered else ""
    )
    sql, how = query["query"].strip().rstrip(";"), query.get("writeDisposition", "WRITE_EMPTY")
    if how == "WRITE_APPEND" and there:
        query["query"] = f"insert into {name} {sql}"
    else:
        verb = "create or replace table" if how == "WRITE_TRUNCATE" else "create table"
        query["query"] = f"{verb} {name}{layout} as\n{sql}"
    for key in ("destinationTable", "writeDisposition", "createDisposition", "timePartitioning", "clustering"):
        query.pop(key, None)
    return dict(place)


def changed_answer(body: Body, kind: str, place: Body | None, project: str) -> tuple[int, Body]:
    """jobs.query tells errors by its status; a destination is the one that was asked for."""
    if kind == "queries" and body.get("errors") and not (body.get("schema") or {}).get("fields"):
        first = body["errors"][0]
        status = 404 if first.get("reason") == "notFound" else 400
        said = {"code": status, "message": first.get("message"), "errors": body["errors"], "status": "INVALID_ARGUMENT"}
        return status, {"error": said}
    if place and "configuration" in body:
        body["configuration"]["query"]["destinationTable"] = {"projectId": project, **place}
    failed = (body.get("status") or {}).get("errorResult")
    if failed and "Job execution was cancelled" in str(failed.get("message")):
        failed["reason"] = "stopped"
    return 200, body


class Mended:
    """The emulator's application, with requests and answers changed on their way."""

    def __init__(self, app: Any, ctx: Any) -> None:
        self._app, self._ctx = app, ctx

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and "_SESSION" in scope["path"]:
            scope["path"] = scope["path"].replace("_SESSION", "bf_session")
            scope["raw_path"] = scope["path"].encode()
        if scope["type"] == "http" and scope["method"] == "GET" and (found := _JOB.match(scope["path"])):
            await self._known(scope, receive, send, found[1], _sent_jobs.get(found[2]))
            return
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        cancelled = _CANCEL.match(scope["path"])
        if cancelled:
            cancel(cancelled[1])
        found = _JOBS.match(scope["path"])
        if found:
            await self._job(scope, receive, send, found[1])
        else:
            await self._app(scope, receive, send)

    async def _job(self, scope: Any, receive: Any, send: Any, kind: str) -> None:
        project = scope["path"].split("/")[4]
        body = asked(await received(scope, receive), kind)
        job = str((body.get("jobReference") or {}).get("jobId", ""))
        _job.set(job)
        if kind == "jobs" and job in _sent_jobs:
            said = f"Already Exists: Job {project}:{job}"
            await answered(send, 409, {"error": {"code": 409, "message": said, "errors": [{"reason": "duplicate"}]}})
            return
        _sent.set(str(((body.get("configuration") or {}).get("query") or {}).get("query", "")).strip())
        place = with_destination(body, self._ctx, project) if kind == "jobs" else None
        raw = json.dumps(body).encode()
        kept = [(k, v) for k, v in scope["headers"] if k not in (b"content-length", b"content-encoding")]
        scope["headers"] = [*kept, (b"content-length", str(len(raw)).encode())]
        answer = Answer(send, lambda said: changed_answer(said, kind, place, project))
        if kind != "jobs" or not job:
            await self._app(scope, once(raw, receive), answer)
            return
        _sent_jobs[job] = sent = begun(project, job, body)
        try:
            if _HELD.search(_sent.get()):
                await asyncio.wait_for(sent.is_asked_for.wait(), 60)
            await self._app(scope, once(raw, receive), answer)
        finally:
            sent.has_ended.set()

    async def _known(self, scope: Any, receive: Any, send: Any, kind: str, job: Sent | None) -> None:
        """Answer what is asked of a job: its state at once, its result when it has ended."""
        if job is None:
            await self._app(scope, receive, send)
        elif kind == "jobs" and not job.has_ended.is_set():
            await answered(send, 200, job.answer)
            job.is_asked_for.set()
        else:
            await job.has_ended.wait()
            await self._app(scope, receive, Answer(send, lambda said: (200, with_labels(said, job.labels))))


def begun(project: str, job: str, body: Body) -> Sent:
    configuration: Body = body.get("configuration") or {}
    reference = {"projectId": project, "jobId": job, "location": (body.get("jobReference") or {}).get("location", "US")}
    state = {"status": {"state": "PENDING"}, "statistics": {}, "configuration": configuration}
    answer = {"kind": "bigquery#job", "id": f"{project}:{job}", "jobReference": reference, **state}
    return Sent(answer, configuration.get("labels") or {}, asyncio.Event(), asyncio.Event())


def with_labels(body: Body, labels: Body) -> Body:
    if labels and "configuration" in body:
        body["configuration"]["labels"] = labels
    return body


async def answered(send: Any, status: int, body: Body) -> None:
    raw = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def asked(raw: bytes, kind: str) -> Body:
    """The body of a request; temporary tables of a session lie in a dataset."""
    raw = raw.replace(b"CREATE TEMP TABLE `_SESSION`", b"CREATE TABLE `bf_session`").replace(b"_SESSION", b"bf_session")
    body: Body = json.loads(raw or b"{}")
    if "ABORT_SESSION" in str(body.get("query")):
        body["query"] = "SELECT 1"
    if kind == "queries" and isinstance(body.get("query"), str):
        body["query"] = body["query"].replace(
            "CURRENT_TIMESTAMP() AS `current_timestamp`", "CURRENT_TIMESTAMP() AS ts_"
        )
    return body


async def received(scope: Any, receive: Any) -> bytes:
    raw, more = b"", True
    while more:
        message = await receive()
        raw += message.get("body", b"")
        more = message.get("more_body", False)
    return gzip.decompress(raw) if (b"content-encoding", b"gzip") in scope["headers"] else raw


def once(raw: bytes, receive: Any) -> Callable[[], Awaitable[Message]]:
    sent = False

    async def received_again() -> Message:
        nonlocal sent
        if sent:
            found: Message = await receive()
            return found
        sent = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return received_again


class Answer:
    """Collects an answer, and sends it changed."""

    def __init__(self, send: Any, change: Callable[[Body], tuple[int, Body]]) -> None:
        self._send, self._change = send, change
        self._start: Message = {}
        self._raw = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._raw += message.get("body", b"")
        if message.get("more_body"):
            return
        if self._start["status"] == 200:
            status, body = self._change(json.loads(self._raw))
            self._start["status"], self._raw = status, json.dumps(body).encode()
        kept = [(k, v) for k, v in self._start["headers"] if k != b"content-length"]
        self._start["headers"] = [*kept, (b"content-length", str(len(self._raw)).encode())]
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._raw})


def cancel(job: str) -> None:
    _cancelled.add(job)
    cursor = _running.get(job)
    if cursor is not None:
        threading.Thread(target=cursor.interrupt).start()


_create_app = server.create_app


def create_app(ctx: Any) -> Any:
    _context[:] = [ctx]
    return Mended(_create_app(ctx), ctx)


_register = engine_module.DuckDBEngine._register_builtin_udfs
_MACROS = (
    "create macro if not exists current_datetime(zone := 'UTC') as (now() at time zone zone)",
    "create macro if not exists bqemu_farm_fingerprint(value) as (hash(value)::hugeint - 9223372036854775808)::bigint",
)


def register(self: Any) -> None:
    """Functions that DuckDB does not have; and another hash than FarmHash, which the emulator computes in Python."""
    _register(self)
    self.connection.remove_function("bqemu_farm_fingerprint")
    for macro in _MACROS:
        self.connection.execute(macro)


def mend() -> None:
    engine_module.DuckDBEngine._register_builtin_udfs = register
    executor._run_single_sql = run_single
    executor.sync_created_view = sync_view
    for module in (executor, interpreter):
        module.sync_created_table, module.sync_dropped_object = sync_table, sync_dropped
    tables._table_to_rest = table_to_rest
    upload._is_permitted_media_type = is_permitted
    for module in (executor, jobs, upload):
        if hasattr(module, "execute_load_job"):
            module.execute_load_job = load
    server.create_app = create_app


if __name__ == "__main__":
    mend()
    told = ("--rest-port", sys.argv[1], "--grpc-port", sys.argv[2], "--project", "test-project", "--ephemeral")
    sys.argv = ["bqemulator", "start", *told, "--log-level", "warning"]
    from bqemulator.cli import main

    main()
