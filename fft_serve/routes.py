"""The endpoints of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from fft_serve.auth.subject import CATALOG, MODEL, Subject
from fft_serve.catalog import catalog_of, source_of
from fft_serve.plans import make_plan, plan_json
from fft_serve.problems import ProblemError, nearest_text
from fft_serve.replies import json_response, refuse_parameters
from fft_serve.rows.endpoint import RowsAnswer, chosen_format, headers_of_now, is_known
from fft_serve.rows.walk import RowsRequest

if TYPE_CHECKING:
    from fastapi import FastAPI

    from fft_core.project.model import Model
    from fft_serve.application import Service
    from fft_serve.state import Loaded


def add_routes(api: FastAPI, service: Service) -> None:
    """Add all endpoints to an app."""
    endpoints = _Endpoints(service)
    read: dict[str, Callable[..., Any]] = {
        "/health/live": endpoints.live,
        "/health/ready": endpoints.ready,
        "/models": endpoints.models,
        "/models/{name}": endpoints.model,
        "/models/{name}/rows": endpoints.rows,
        "/models/{name}/rows.{format}": endpoints.rows,
        "/sources": endpoints.sources,
        "/sources/{name}": endpoints.source,
        "/seeds": endpoints.seeds,
        "/lineage": endpoints.lineage,
        "/plan": endpoints.plan,
        "/metrics": endpoints.metrics,
    }
    for path, endpoint in read.items():
        api.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)


class _Endpoints:
    """The endpoints that read."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def live(self) -> Response:
        """Answer: the process works."""
        return json_response({"status": "live"})

    async def ready(self) -> Response:
        """Answer whether requests for rows can be answered, and whether the files of the project have errors."""
        service = self._service
        loaded = await service.loaded()
        problem = service.state.problem
        service.metrics.broken.set(0 if problem is None else 1)
        try:
            await service.run(lambda: catalog_of(loaded))
        except ProblemError as error:
            said, headers = f"the published rows cannot be read: {error.detail}", {"Retry-After": "5"}
            raise ProblemError("unavailable", said, headers=headers) from error
        return json_response({"status": "ready", "project": "ok" if problem is None else "broken"})

    async def models(self, request: Request) -> Response:
        """Describe all models."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.whole()
        return json_response({"models": await self._service.run(lambda: catalog_of(loaded).models())})

    async def model(self, request: Request, name: str) -> Response:
        """Describe one model."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.whole()
        return json_response(await self._service.run(lambda: catalog_of(loaded).model(name)))

    async def sources(self, request: Request) -> Response:
        """Describe the sources."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.whole()
        return json_response({"sources": await self._service.run(lambda: catalog_of(loaded).sources())})

    async def source(self, request: Request, name: str) -> Response:
        """Describe one source."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.whole()
        return json_response(source_of(loaded.project, name))

    async def seeds(self, request: Request) -> Response:
        """Describe the seeds."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.whole()
        return json_response({"seeds": await self._service.run(lambda: catalog_of(loaded).seeds())})

    async def lineage(self, request: Request) -> Response:
        """Describe the graph."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.whole()
        return json_response(await self._service.run(lambda: catalog_of(loaded).lineage()))

    async def plan(self, request: Request) -> Response:
        """Return the plan of a build, with reasons."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request, ("select",))
        loaded = await self._service.whole()
        select, patience = request.query_params.get("select"), self._service.settings.patience_seconds
        plan = await self._service.run(lambda: make_plan(loaded, select, patience))
        return json_response({"decisions": plan_json(plan, loaded.masker)})

    async def metrics(self, request: Request) -> Response:
        """Return the counters."""
        await self._service.subject(request, CATALOG)
        return self._service.metrics.response()

    async def rows(self, request: Request, name: str, format: str | None = None) -> Response:
        """Return rows of a served model."""
        service = self._service
        subject = await service.subject(request)
        loaded = await service.loaded()
        model = _served(loaded, name, subject)
        kind = chosen_format(format, request.headers.get("accept", ""))
        parameters = [(key, value) for key, value in request.query_params.multi_items()]
        rows = RowsRequest(loaded, model, subject, parameters, service.settings)
        slot = await service.slots.take()
        try:
            known = request.headers.get("if-none-match")
            if known is not None and "cursor" not in request.query_params:
                headers = await slot.run(lambda: headers_of_now(rows, kind))
                if headers is not None and is_known(known, headers["ETag"]):
                    slot.leave()
                    return Response(status_code=304, headers=headers)
            count = service.metrics.rows.labels(name).inc
            return await RowsAnswer(request, rows, kind, slot, count).response()
        except BaseException:
            slot.leave()
            raise


def _served(loaded: Loaded, name: str, subject: Subject) -> Model:
    """Find a model whose rows are served to a subject. Raises ProblemError."""
    is_seen = subject.may("read:catalog") or subject.may_read(name)
    if not is_seen:
        raise ProblemError("forbidden", f"the token does not have the scope {MODEL} for {name}", scope=MODEL)
    model = loaded.model(name)
    if not subject.may_read(name):
        raise ProblemError("forbidden", f"the token does not have the scope {MODEL} for {name}", scope=MODEL)
    if model.serve is None:
        hint = nearest_text(name, loaded.served)
        raise ProblemError("not_found", f"the rows of {name} are not served: its config has no serve=true.{hint}")
    return model
