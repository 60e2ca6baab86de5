"""The ASGI app. It can be run by `fft serve`, by another server, and mounted in an app of FastAPI."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from fft_core.errors import FftError, RequestError
from fft_core.project.model import Project
from fft_core.project.profile.profiles import active_env
from fft_core.run.select.facts import select_nodes
from fft_core.version import VERSION
from fft_serve.auth.gate import Gate
from fft_serve.auth.subject import Subject
from fft_serve.metrics import Metrics
from fft_serve.middleware import FAILED, Around, Guard
from fft_serve.problems import ProblemError, problem_response
from fft_serve.settings import ServeSettings, misspelled, project_variables, read_settings
from fft_serve.slots import Slots
from fft_serve.state import Loaded, State

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_STATUS_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


class Service:
    """The state that the endpoints of one app share."""

    def __init__(self, state: State, gate: Gate, settings: ServeSettings) -> None:
        self.state, self.gate, self.settings = state, gate, settings
        self.metrics = Metrics()
        self.slots = Slots(settings.concurrent, settings.wait_seconds)

    async def subject(self, request: Request, scope: str | None = None) -> Subject:
        """Return who asks. Raises ProblemError without a valid token, or without the scope."""
        if self.settings.jwks_url is not None:  # the keys may have to be fetched
            found = await self.run(lambda: self.gate.subject(request))
        else:
            found = self.gate.subject(request)
        if scope is not None:
            found.require(scope)
        return found

    async def loaded(self) -> Loaded:
        """Return the project of now; while its files have errors, the last one without."""
        return await self.run(self.state.current)

    async def whole(self) -> Loaded:
        """Return the project of now. Raises ProblemError while its files have errors."""
        return await self.run(self.state.whole)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run what blocks in a thread."""
        return await to_thread.run_sync(work)


def make_app(
    project_dir: Path | str,
    env: str | None,
    variables: Mapping[str, str] | None,
    settings: ServeSettings | None = None,
) -> FastAPI:
    """Return an app; `settings` are those of the variables if None. Raises FftError."""
    from fft_serve.builds.endpoints import add_build_routes
    from fft_serve.builds.face import refuse_no_queue
    from fft_serve.openapi import add_document_routes
    from fft_serve.routes import add_routes

    root, env = Path(project_dir).resolve(), active_env(env)
    variables = project_variables(root, env, variables)
    settings = settings or read_settings(variables)
    _begin_sentry(settings)
    if settings.dagster_url is not None:
        refuse_no_queue()
    for message in misspelled(variables):
        _log.warning("%s", message)
    state = State(root, env, settings, variables)
    _judge_selection(state.current().project, settings.build_select)
    service = Service(state, Gate(settings.tokens_file(root), settings), settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        state.close()

    api = FastAPI(
        title=state.current().project.name,
        version=VERSION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.service = service
    _add_errors(api)
    add_routes(api, service)
    add_build_routes(api, service)
    add_document_routes(api, service)
    api.add_middleware(Guard, body_bytes=settings.body_kb * 1024)
    if settings.cors_origins:
        own = ("Data-Version", "Built-At", "Run-Id", "Next", "Withheld", "Count")
        exposed = ["ETag", "Last-Modified", "Link", "Location", "Retry-After", *(f"X-FFT-{name}" for name in own)]
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
            expose_headers=exposed,
        )
    api.add_middleware(Around, metrics=service.metrics)  # the last one is the outermost
    return api


def _judge_selection(project: Project, selection: str) -> None:
    try:
        select_nodes(project, [selection] if selection else [], [])
    except RequestError as error:
        message = f"the settings of fft serve cannot be used: FFT_SERVE_BUILD_SELECT: {error.problem.message}"
        raise FftError(message, hint=error.problem.hint, code="FFT-910") from error


def _add_errors(api: FastAPI) -> None:
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return problem_response(error, request)

    async def of_starlette(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _STATUS_CODES.get(error.status_code, "internal")
        detail = f"there is no {request.url.path}" if code == "not_found" else str(error.detail)
        return problem_response(ProblemError(code, detail, headers=error.headers), request)

    async def of_core(request: Request, error: Exception) -> Response:
        assert isinstance(error, FftError)
        logging.getLogger(__name__).error("%s: %s", request.url.path, error)
        return problem_response(ProblemError("internal", FAILED), request)

    handlers: Mapping[Any, Any] = {ProblemError: problem, HTTPException: of_starlette, FftError: of_core}
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _begin_sentry(settings: ServeSettings) -> None:
    if settings.sentry_dsn is None:
        return
    try:
        import sentry_sdk
    except ImportError as error:
        hint = 'pip install "fft-dagster[serve,sentry]"'
        raise FftError("SENTRY_DSN is set, and sentry-sdk is not installed", hint=hint, code="FFT-211") from error
    try:
        sentry_sdk.init(settings.sentry_dsn.get_secret_value(), send_default_pii=False)
    except ValueError as error:
        hint = "As in https://KEY@HOST/PROJECT."
        raise FftError("SENTRY_DSN cannot be used", hint=hint, code="FFT-910") from error
