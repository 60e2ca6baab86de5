"""`fastflowtransform.api.http`: in a project's files, get_df and get_json of that project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.http.api import HttpApi


def get_json(url: str, *arguments: Any, **options: Any) -> Any:
    """Request JSON, as `HttpApi.get_json` does, with the variables of the process."""
    return HttpApi(os.environ, Path.cwd()).get_json(url, *arguments, **options)


def get_df(url: str, *arguments: Any, **options: Any) -> Any:
    """Request rows, as `HttpApi.get_df` does, with the variables of the process."""
    return HttpApi(os.environ, Path.cwd()).get_df(url, *arguments, **options)


def bound(environment: Mapping[str, str], root: Path) -> Mapping[str, object]:
    """Return the same functions for a project: with its variables, and with relative paths that start at its folder."""
    api = HttpApi(environment, root)
    return {"get_json": api.get_json, "get_df": api.get_df}
