"""The command `fft serve`: an entry point of `fft.commands`. Without its packages, it says what to install."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fft_core.errors import FftError, RequestError, nearest
from fft_core.names.text import visible

if TYPE_CHECKING:
    from fft_serve.settings import ServeSettings

PACKAGES = ("fastapi", "jwt", "prometheus_client", "pyarrow", "pydantic_settings", "uvicorn")
_DAY = 86_400
_project = click.argument("root", metavar="[PROJECT]", type=click.Path(path_type=Path), default=".")
_env = click.option(
    "--env",
    "-e",
    metavar="NAME",
    help="The environment: its profile and its .env files. [default: FFT_ACTIVE_ENV, or dev]",
)


def missing_packages() -> list[str]:
    """Return the packages of the extra that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def _require_packages() -> None:
    missing = missing_packages()
    if missing:
        raise FftError(
            f"fft serve needs the package {missing[0]!r}", hint='pip install "fft-dagster[serve]"', code="FFT-211"
        )


@click.command("serve")
@_project
@_env
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on; 0: any free one.",
)
def start(root: Path, env: str | None, host: str, port: int) -> None:
    """Serve the marked models of a project over HTTP: rows, catalog and builds.

    `fft serve token create|revoke|list` manages tokens. Without any, only this machine may ask.
    PROJECT is the folder with project.yml.
    """
    _require_packages()
    _serve(root, env, host, port)


class _Serve(click.Group):
    """A group whose own name is a command as well: `fft serve shop`, `fft serve token list`."""

    itself = start

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # Any: as click has it
    ) -> click.Context:
        if args[:1] == ["token"]:
            return super().make_context(info_name, args, parent, **extra)
        return self.itself.make_context(info_name, args, parent, **extra)


command = _Serve("serve", help=start.help, short_help=start.get_short_help_str(200), hidden=bool(missing_packages()))


@command.group("token")
def tokens() -> None:
    """Create, revoke and list the tokens of the API."""


@tokens.command("create")
@click.argument("name")
@_project
@_env
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="A permission of the token, such as read:catalog; repeatable.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="KEY=VALUE",
    help="A claim for the conditions on rows, such as country=AT; repeatable.",
)
@click.option("--days", type=click.IntRange(1), metavar="N", help="The token ends after so many days.")
def create(
    name: str, root: Path, env: str | None, scopes: tuple[str, ...], claims: tuple[str, ...], days: int | None
) -> None:
    """Create a token and print it. It is stored as a hash, and cannot be shown again."""
    _require_packages()
    from fft_serve.auth.subject import CATALOG, MODEL, SCOPES, is_scope
    from fft_serve.auth.tokens import create_token

    for scope in scopes:
        if not is_scope(scope):
            known = f"The scopes are {', '.join(SCOPES)}, and {MODEL}:GLOB."
            raise RequestError(f"there is no scope {scope!r}", hint=nearest(scope, SCOPES) or known, code="FFT-912")
    if not name.isprintable() or not name.strip():
        raise RequestError("the name of a token must be printable text", code="FFT-912")
    ends = int(time.time()) + days * _DAY if days else None
    path = _tokens_file(root, env)
    _say(create_token(path, name, scopes or (CATALOG, MODEL), dict(map(_claim, claims)), ends))


@tokens.command("revoke")
@click.argument("name")
@_project
@_env
def revoke(name: str, root: Path, env: str | None) -> None:
    """Revoke a token. A running server refuses it from then on."""
    _require_packages()
    from fft_serve.auth.tokens import revoke_token

    revoke_token(_tokens_file(root, env), name)


@tokens.command("list")
@_project
@_env
def list_tokens(root: Path, env: str | None) -> None:
    """List the tokens: name, scopes, and when they end."""
    _require_packages()
    from fft_serve.auth.tokens import read_tokens

    for token in read_tokens(_tokens_file(root, env)):
        ends = time.strftime("until %Y-%m-%d", time.gmtime(token.expires_at)) if token.expires_at else "without end"
        _say(f"{token.name}: {' '.join(token.scopes)}, {ends}")


def _claim(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError("--claim: what is given is not KEY=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _settings(root: Path, env: str | None) -> tuple[ServeSettings, str, Mapping[str, str]]:
    from fft_core.project.profile.profiles import active_env
    from fft_core.project.read.files import refuse_no_project
    from fft_serve.settings import project_variables, read_settings

    root, env = root.resolve(), active_env(env)
    refuse_no_project(root)
    variables = project_variables(root, env)
    return read_settings(variables), env, variables


def _tokens_file(root: Path, env: str | None) -> Path:
    return _settings(root, env)[0].tokens_file(root.resolve())


def _serve(root: Path, env: str | None, host: str, port: int) -> None:
    import uvicorn

    from fft_serve.application import Service, make_app
    from fft_serve.auth.gate import is_loopback_name
    from fft_serve.auth.web_tokens import SHORTEST_KEY

    settings, env, variables = _settings(root, env)
    api = make_app(root, env, variables, settings)
    service: Service = api.state.service
    if not is_loopback_name(host) and not service.gate.asks_for_tokens:
        said = f"without tokens, fft serve listens on this machine only, and not on {host}"
        raise FftError(
            said, hint="fft serve token create NAME, or set SECRET_KEY or FFT_SERVE_JWKS_URL.", code="FFT-910"
        )
    _mask(service)
    if settings.secret_key is not None and len(settings.secret_key.get_secret_value().encode()) < SHORTEST_KEY:
        _say(f"SECRET_KEY is shorter than {SHORTEST_KEY} bytes: no JSON web token signed with it is valid")
    with _listening(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        served = len(service.state.current().served)
        models = f"{served} model{'' if served == 1 else 's'}"
        _say(f"serving {models} of {api.title} ({env}) at http://{shown}:{listener.getsockname()[1]}")
        if not served:
            _say("no model has serve: true in its config(), so there are no rows to read")
        config = uvicorn.Config(
            api,
            log_config=_logging(settings.log_level),
            log_level=settings.log_level,
            access_log=False,  # the app writes its own, without values of the request
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _logging(level: str) -> dict[str, Any]:
    """Return the configuration of the logs: those of the app look like those of the server."""
    from uvicorn.config import LOGGING_CONFIG

    own = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    return {**LOGGING_CONFIG, "loggers": {**LOGGING_CONFIG["loggers"], "fft_serve": own}}


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # before the address is printed
    except OSError as error:
        listener.close()
        raise FftError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="Choose another --port.", code="FFT-910"
        ) from error
    return listener


def _mask(service: Any) -> None:
    """Mask the project's secrets in all further output of the command."""
    context = click.get_current_context(silent=True)
    guard = getattr(context.obj, "guard", None) if context is not None else None
    if guard is not None:
        guard.masker = service.state.current().masker


def _say(text: str) -> None:
    sys.stdout.write(f"{visible(text)}\n")
    sys.stdout.flush()
