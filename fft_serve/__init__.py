"""An HTTP API over the models that a project serves. `app` is its one public name; importing it imports no FastAPI."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["app"]


def app(
    project_dir: Path | str = ".", env: str | None = None, *, variables: Mapping[str, str] | None = None
) -> FastAPI:
    """Return an ASGI app that serves the marked models of a project; an app of FastAPI can mount it.

    Args:
        project_dir: The folder with `project.yml`.
        env: The environment; None: FFT_ACTIVE_ENV or "dev".
        variables: Environment variables; None: those of the process, completed by the .env files of the project.

    Raises:
        FftError: the project has errors, or a setting cannot be used.
    """
    from fft_serve.application import make_app

    return make_app(project_dir, env, variables)
