"""The OpenAPI document, with a schema and an example of each served model, and the page at `/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from fft_core.version import VERSION
from fft_serve.auth.subject import CATALOG, MODEL, Subject
from fft_serve.builds.history import MOST_RUNS
from fft_serve.problems import CODES, TYPE, ProblemError
from fft_serve.replies import json_response
from fft_serve.rows.formats import MEDIA
from fft_serve.rows.request import RESERVED
from fft_serve.rows.values import kind_of
from fft_serve.rows.walk import RowsRequest, explained, visible_to

if TYPE_CHECKING:
    from fastapi import FastAPI

    from fft_core.engines.reading import ReadColumn
    from fft_core.project.model import Model
    from fft_serve.application import Service
    from fft_serve.state import Loaded

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SCHEMAS: Mapping[str, tuple[dict[str, Any], Any]] = {
    "integer": ({"type": "integer"}, 1),
    "decimal": ({"type": "number"}, 12.5),
    "float": ({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}, 0.25),
    "boolean": ({"type": "boolean"}, True),
    "text": ({"type": "string"}, "text"),
    "own": ({"type": "string"}, "text"),
    "date": ({"type": "string", "format": "date"}, "2026-01-31"),
    "time": ({"type": "string"}, "12:30:00"),
    "timestamp": ({"type": "string"}, "2026-01-31T12:30:00"),
    "none": ({}, None),
}
_VALUES = {
    "integer": "[+-]?[0-9]{1,38}",
    "decimal": r"[+-]?[0-9]{1,20}(\.[0-9]{1,18})?",
    "float": r"[+-]?[0-9]{1,20}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?",
    "boolean": "(true|false)",
}
_PATHS: Sequence[tuple[str, str, str, str]] = (
    ("get", "/health/live", "Whether the process works", ""),
    ("get", "/health/ready", "Whether rows can be read", ""),
    ("get", "/models", "All models, with their published versions", CATALOG),
    ("get", "/models/{name}", "One model, with columns and checks", CATALOG),
    ("get", "/sources", "The sources", CATALOG),
    ("get", "/sources/{name}", "One source", CATALOG),
    ("get", "/seeds", "The seeds", CATALOG),
    ("get", "/lineage", "The graph", CATALOG),
    ("get", "/plan", "What a build would do, and why", CATALOG),
    ("get", "/runs", "The runs, the newest first", CATALOG),
    ("get", "/runs/{identity}", "One run, with the result of each node", CATALOG),
    ("get", "/metrics", "Counters for Prometheus", CATALOG),
    ("get", "/builds", "The last builds", "run:build"),
    ("post", "/builds", "Begin a build", "run:build"),
    ("get", "/builds/{identity}", "One build", "run:build"),
    ("delete", "/builds/{identity}", "Cancel a build", "run:build"),
    ("get", "/builds/{identity}/events", "What happens in a build, as server-sent events", "run:build"),
)


def add_document_routes(api: FastAPI, service: Service) -> None:
    """Add the document and the page to an app."""

    async def document(request: Request) -> Response:
        subject = await service.subject(request, CATALOG)
        loaded = await service.loaded()
        root = request.scope.get("root_path", "")
        return json_response(await service.run(lambda: openapi(loaded, subject, service, root)))

    async def page(request: Request) -> Response:
        content = files("fft_serve").joinpath("page.html").read_bytes()
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        return Response(content, 200, headers, "text/html; charset=utf-8")

    api.add_api_route("/openapi.json", document, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)
    api.add_api_route("/", page, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)


def openapi(loaded: Loaded, subject: Subject, service: Service, root: str) -> dict[str, Any]:
    """Describe the API as one subject sees it. Raises ProblemError if the database cannot be reached."""
    paths: dict[str, Any] = {}
    for method, path, summary, scope in _PATHS:
        paths.setdefault(path, {})[method] = _operation(method, path, summary, scope)
    schemas: dict[str, Any] = {"Problem": _problem()}
    for name, model in sorted(loaded.served.items()):
        if not subject.may_read(name):
            continue
        columns = _columns(loaded, model, subject, service)
        schemas[f"Row_{name}"] = _row(model, columns)
        paths[f"/models/{name}/rows"] = {"get": _rows(model, columns, service.settings.max_rows)}
    return {
        "openapi": "3.1.0",
        "info": {"title": loaded.project.name, "version": VERSION},
        "servers": [{"url": root or "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _columns(loaded: Loaded, model: Model, subject: Subject, service: Service) -> Sequence[ReadColumn]:
    """Return the columns that a subject sees of a model; none if it is not built, or needs a claim that is missing."""
    try:
        with explained(model.name):
            stamp = loaded.sources.version(model.name).stamp
            columns = loaded.sources.columns(loaded.sources.look(model.name, None).place, stamp)
            return visible_to(RowsRequest(loaded, model, subject, (), service.settings), columns).columns
    except ProblemError:
        return ()


def _operation(method: str, path: str, summary: str, scope: str) -> dict[str, Any]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    if path == "/plan":
        parameters.append({"name": "select", "in": "query", "required": False, "schema": {"type": "string"}})
    if path == "/runs":
        limit = {"type": "integer", "minimum": 1, "maximum": MOST_RUNS}
        parameters.append({"name": "limit", "in": "query", "required": False, "schema": limit})
        parameters.append(_query("cursor", "`next` of the page before"))
    media = {"/metrics": "text/plain", "/builds/{identity}/events": "text/event-stream"}.get(path, "application/json")
    content = {media: {"schema": {"type": "string"} if media.startswith("text") else {"type": "object"}}}
    status = "202" if method in ("post", "delete") else "200"
    said: dict[str, Any] = {
        "summary": summary,
        "parameters": parameters,
        "responses": {status: {"description": summary, "content": content}, **_problems()},
    }
    said["security"] = _security(scope)
    if scope:
        said["description"] = f"Scope: `{scope}`"
    if method == "post":
        said["responses"]["200"] = {"description": "The build of this Idempotency-Key", "content": content}
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1}})
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": _build()}}}
    return said


def _build() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "select": {"type": "string", "maxLength": 1000, "description": "As in +orders; all if it is missing"},
            "rebuild": {"type": "boolean", "description": "Build it even if nothing changed"},
        },
        "example": {"select": "+orders"},
    }


def _rows(model: Model, columns: Sequence[ReadColumn], most: int) -> dict[str, Any]:
    page = {
        "type": "object",
        "required": ["rows", "next", "data_version"],
        "properties": {
            "rows": {"type": "array", "items": {"$ref": f"#/components/schemas/Row_{model.name}"}},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page"},
            "data_version": {"type": "string"},
            "built_at": {"type": ["string", "null"]},
            "count": {"type": "integer"},
            "withheld": {"type": "object", "description": "A build since then that published nothing"},
        },
    }
    content: dict[str, Any] = {"application/json": {"schema": page}}
    content |= {media.partition(";")[0]: {"schema": {"type": "string"}} for n, media in MEDIA.items() if n != "json"}
    names = [column.name for column in columns]
    ordered = [column.name for column in columns if kind_of(column).is_ordered]
    directions = [f"{name}{direction}" for name in ordered for direction in ("", ".asc", ".desc")]
    limit = {"type": "integer", "minimum": 1, "maximum": most}
    return {
        "summary": f"Rows of {model.name}",
        "description": model.description or "",
        "security": _security(f"{MODEL}:{model.name}"),
        "parameters": [
            _list("select", names, "The columns of the answer, in this order"),
            _list("order", directions, "Columns that order the rows"),
            {"name": "limit", "in": "query", "description": "The rows of a page", "schema": limit},
            _query("cursor", "`next` of the page before"),
            {"name": "count", "in": "query", "schema": {"enum": ["exact"]}},
            *(_filter(column) for column in columns),
        ],
        "responses": {
            "200": {"description": "A page of one version", "content": content},
            "304": {"description": "The version is the one of If-None-Match"},
            **_problems(),
        },
    }


def _security(scope: str) -> list[dict[str, list[str]]]:
    """Return the scopes that an operation needs; without tokens, this machine may ask."""
    return [{"token": [scope]}, {}] if scope else []


def _query(name: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string", **more}}


def _list(name: str, items: Sequence[str], description: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array", "items": {"enum": list(items)}, "minItems": 1, "uniqueItems": True}
    if not items:
        schema = {"type": "string"}  # nothing is built, or nothing can be ordered by
    said = {"name": name, "in": "query", "description": f"{description}, separated by commas", "schema": schema}
    return {**said, "style": "form", "explode": False} if items else said


def _filter(column: ReadColumn) -> dict[str, Any]:
    """Describe the filter of a column: as in `eq.1`, `in.(1,2)`, `is.null`."""
    family = kind_of(column).family
    value = _VALUES.get(family, ".*")
    operators = {"boolean": "eq|ne", "text": "eq|ne|gt|gte|lt|lte|like"}.get(family, "eq|ne|gt|gte|lt|lte")
    choices = [r"is\.(null|not_null)"]
    if family != "none":
        choices += [rf"({operators})\.{value}", rf"in\.\({value}(,{value})*\)" if value != ".*" else r"in\.\(.+\)"]
    description = f"A filter: {operators.replace('|', ', ')}, in and is" if family != "none" else "A filter: is"
    name = f"where.{column.name}" if column.name in RESERVED else column.name
    return _query(name, description, pattern=f"^({'|'.join(choices)})$")


def _row(model: Model, columns: Sequence[ReadColumn]) -> dict[str, Any]:
    described = {column.name.lower(): column.description for column in model.columns}
    properties, example = {}, {}
    for column in columns:
        schema, value = _SCHEMAS[kind_of(column).family]
        shown = {**schema, "type": [schema["type"], "null"]} if "type" in schema else dict(schema)
        if "anyOf" in shown:
            shown["anyOf"] = [*shown["anyOf"], {"type": "null"}]
        text = described.get(column.name.lower())
        properties[column.name] = {**shown, **({"description": text} if text else {})}
        example[column.name] = value
    return {"type": "object", "description": model.description or "", "properties": properties, "example": example}


def _problem() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"enum": sorted(CODES)},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
        },
    }


def _problems() -> dict[str, Any]:
    content = {TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    statuses = sorted({status for status, _ in CODES.values()})
    return {str(status): {"description": "A problem", "content": content} for status in statuses}
