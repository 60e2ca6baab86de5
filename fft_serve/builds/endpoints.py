"""`/builds` and `/runs`: begin a build, watch it, cancel it; and the runs of the past."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fft_serve.auth.subject import BUILD, CATALOG
from fft_serve.builds.history import DEFAULT_RUNS, MOST_RUNS, History
from fft_serve.builds.launch import Launcher, cancel, read_build_request
from fft_serve.builds.results import without_errors
from fft_serve.builds.store import ENDED, Build, BuildStore
from fft_serve.problems import ProblemError
from fft_serve.replies import json_response, refuse_parameters

if TYPE_CHECKING:
    from fastapi import FastAPI

    from fft_serve.application import Service

_LOOK_SECONDS, _SILENT_SECONDS, _MOST_BUILDS = 0.3, 15, 100


def add_build_routes(api: FastAPI, service: Service) -> None:
    """Add the endpoints to an app."""
    endpoints = BuildEndpoints(service)
    for path, method, endpoint in (
        ("/builds", "POST", endpoints.begin),
        ("/builds", "GET", endpoints.builds),
        ("/builds/{identity}", "GET", endpoints.build),
        ("/builds/{identity}", "DELETE", endpoints.cancel),
        ("/builds/{identity}/events", "GET", endpoints.events),
        ("/runs", "GET", endpoints.runs),
        ("/runs/{identity}", "GET", endpoints.run),
    ):
        methods = [method, "HEAD"] if method == "GET" and not path.endswith("/events") else [method]
        api.add_api_route(path, endpoint, methods=methods, response_model=None, include_in_schema=False)


class BuildEndpoints:
    """The endpoints about builds and runs."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = BuildStore(service.settings.state_folder(service.state.root))
        self._launcher = Launcher(service.state, self._store)
        self._launcher.resume()
        self._history = History(self._store, service.state.root)

    async def begin(self, request: Request) -> Response:
        """Begin a build; answer with its plan, before it runs."""
        subject = await self._service.subject(request, BUILD)
        refuse_parameters(request)
        asked = read_build_request(request.headers.get("content-type", ""), await request.body())
        key = request.headers.get("idempotency-key")
        build, is_new = await self._service.run(lambda: self._launcher.begin(asked, subject, key))
        said = await self._service.run(build.as_json)
        place = f"{request.url.path.rstrip('/')}/{build.id}"
        return json_response(said, 202 if is_new else 200, {"Location": place})

    async def builds(self, request: Request) -> Response:
        """List the last builds."""
        await self._service.subject(request, BUILD)
        refuse_parameters(request)
        return json_response({"builds": await self._service.run(self._last_builds)})

    def _last_builds(self) -> list[dict[str, Any]]:
        found = []
        for build in self._store.all():
            found.append(build.as_json(with_plan=False))
            if len(found) == _MOST_BUILDS:
                break
        return found

    async def build(self, identity: str, request: Request) -> Response:
        """Describe a build."""
        await self._service.subject(request, BUILD)
        refuse_parameters(request)
        build = self._store.find(identity)
        return json_response(await self._service.run(build.as_json))

    async def cancel(self, identity: str, request: Request) -> Response:
        """Cancel a build: running statements are cancelled, and what is published stays."""
        await self._service.subject(request, BUILD)
        refuse_parameters(request)
        build = self._store.find(identity)
        await self._service.run(lambda: cancel(build))
        return json_response(await self._service.run(build.as_json), 202)

    async def events(self, identity: str, request: Request) -> Response:
        """Send what happens in a build, as server-sent events."""
        await self._service.subject(request, BUILD)
        refuse_parameters(request)
        build = self._store.find(identity)
        last = request.headers.get("last-event-id", "0")
        if not (last.isascii() and last.isdigit() and len(last) < 10):
            raise ProblemError("bad_parameter", "Last-Event-ID must be the id of an event")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._sent(build, int(last)), 200, headers, "text/event-stream")

    async def _sent(self, build: Build, last: int) -> AsyncIterator[str]:
        spoken = time.monotonic()
        while True:
            status = await self._service.run(build.status)  # before the events, so that none is missed
            events = await self._service.run(partial(build.events, last))
            for event in events:
                last = event["seq"]
                yield f"id: {last}\nevent: {event['event']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
            if status in ENDED:
                if status == "lost":
                    yield 'event: ended\ndata: {"event": "ended", "status": "lost"}\n\n'
                return
            if events:
                spoken = time.monotonic()
            elif time.monotonic() - spoken > _SILENT_SECONDS:
                yield ": nothing has happened\n\n"
                spoken = time.monotonic()
            await anyio.sleep(_LOOK_SECONDS)

    async def runs(self, request: Request) -> Response:
        """List the runs of the scheduler, the last run of a command, and the builds that were asked for over HTTP."""
        await self._service.subject(request, CATALOG)
        refuse_parameters(request, ("limit", "cursor"))
        limit = request.query_params.get("limit", str(DEFAULT_RUNS))
        if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= MOST_RUNS):
            raise ProblemError("bad_parameter", f"limit must be a number from 1 to {MOST_RUNS}")
        loaded, cursor = await self._service.loaded(), request.query_params.get("cursor")
        return json_response(await self._service.run(lambda: self._history.page(loaded, int(limit), cursor)))

    async def run(self, identity: str, request: Request) -> Response:
        """Describe a run, with what became of each node."""
        subject = await self._service.subject(request, CATALOG)
        refuse_parameters(request)
        loaded = await self._service.loaded()
        found = await self._service.run(lambda: self._history.run(loaded, identity))
        if found is None:
            raise ProblemError("not_found", f"there is no run {identity!r}")
        if not subject.may(BUILD):
            found["results"] = [without_errors(result) for result in found["results"]]
        return json_response(found)
