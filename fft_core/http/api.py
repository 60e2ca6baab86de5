"""The functions get_json and get_df for the files of one project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from fft_core.errors import MissingDriverError, ModelError
from fft_core.http.settings import HttpSettings

Paginator: TypeAlias = Callable[[str, Mapping[str, Any] | None, Any], Mapping[str, Any] | None]
_REQUEST = ("url", "params", "headers")
# The method of an engine's sessions that makes its own frame from a pandas one.
_MAKERS = ("createDataFrame", "create_dataframe", "read_pandas")


class HttpApi:
    """HTTP requests with the settings of a project's environment.

    Args:
        environment: Contains the FF_HTTP_* variables.
        root: The project's folder, which relative paths start at.
    """

    def __init__(self, environment: Mapping[str, str], root: Path) -> None:
        self._environment, self._root = environment, root
        self._rate: Any = None  # Any: made with the packages of the extra

    def get_json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        paginator: Paginator | None = None,
        ttl: float | None = None,
        **options: Any,
    ) -> Any:
        """Request JSON and return it parsed; with a paginator, return the list of all pages.

        Args:
            url: The address.
            params: Parameters that are added to its query.
            headers: The headers of the request.
            paginator: Called as `paginator(url, params, page)`; returns None, or the changes for the next page:
                `{"next_request": {"url": ..., "params": ..., "headers": ...}}`.
            ttl: Seconds after which a cached response is requested again; FF_HTTP_CACHE_TTL if None.
            options: `timeout`, `retries`, `offline` and `cache` ("off", "ro", "rw"), instead of the variables.

        Raises:
            ModelError: the host is not allowed, its answer is an error or not JSON, or is not in the cache offline.
        """
        pages = self._pages(url, params, headers, paginator, ttl, options)
        return list(pages) if paginator else next(pages)

    def get_df(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        paginator: Paginator | None = None,
        record_path: str | Sequence[str] | None = None,
        normalize: bool = True,
        output: str | None = None,
        session: Any = None,
        ttl: float | None = None,
        **options: Any,
    ) -> Any:
        """Request JSON and return its rows as a frame: of pandas, or of a session that makes its own frames.

        Args:
            url, params, headers, paginator, ttl, options: As for `get_json`. The rows of all pages are joined.
            record_path: The place of the rows in the JSON: a key, or keys in their order; None for the whole JSON.
            normalize: Whether nested mappings become columns, such as `user.name`.
            output: "pandas", or the name of the frames that `session` makes.
            session: Makes the frame, if it is not a pandas one.

        Raises:
            ModelError: as for `get_json`; or the JSON has no rows at that place.
        """
        import pandas as pd

        frames = []
        for page in self._pages(url, params, headers, paginator, ttl, options):
            rows = _rows(page, record_path)
            frames.append(pd.json_normalize(rows, sep=".") if normalize else pd.DataFrame(rows))
        frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        return frame if output in (None, "pandas") else _made_by(session, frame, output)

    def _pages(
        self,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        paginator: Paginator | None,
        ttl: float | None,
        options: Mapping[str, Any],
    ) -> Iterator[Any]:
        get, settings = self._getter(), self._settings(options)
        wanted: dict[str, Any] = {"url": url, "params": params, "headers": headers}
        asked = []
        while True:
            asked.append(json.dumps(wanted, sort_keys=True, default=str))
            page = _json(get(settings, self._rate, wanted["url"], wanted["params"], wanted["headers"], ttl=ttl))
            yield page
            following = paginator(wanted["url"], wanted["params"], page) if paginator else None
            if not following:
                return
            wanted = _next(wanted, following)
            if json.dumps(wanted, sort_keys=True, default=str) in asked:
                raise ModelError(
                    "the paginator asks for a page that was already read",
                    hint="Return None at the end.",
                    code="FFT-415",
                )

    def _getter(self) -> Callable[..., Any]:
        try:
            from fft_core.http import client
        except ImportError as error:
            hint = 'pip install "fft-dagster[http]"'
            raise MissingDriverError(
                f"get_json and get_df need the package {error.name!r}", hint=hint, code="FFT-211"
            ) from error
        if self._rate is None:
            self._rate = client.Rate()
        return client.get

    def _settings(self, options: Mapping[str, Any]) -> HttpSettings:
        variables = {
            "timeout": "FF_HTTP_TIMEOUT",
            "retries": "FF_HTTP_MAX_RETRIES",
            "offline": "FF_HTTP_OFFLINE",
            "cache": "FF_HTTP_CACHE",
        }
        unknown = sorted(options.keys() - variables.keys())
        if unknown:
            raise ModelError(
                f"unknown argument {unknown[0]!r}", hint=f"There are {', '.join(variables)}, too.", code="FFT-415"
            )
        said = {variables[name]: str(value) for name, value in options.items() if value is not None}
        return HttpSettings.read({**self._environment, **said}, self._root)


def _json(response: Any) -> Any:
    from fft_core.http.storage import shown_url

    try:
        return json.loads(response.content)
    except ValueError as error:
        kind = response.headers.get("content-type", "no type")
        message = f"{shown_url(str(response.url))} returned {kind}, not JSON: {error}"
        raise ModelError(message, code="FFT-415") from None


def _next(wanted: Mapping[str, Any], following: Mapping[str, Any]) -> dict[str, Any]:
    request = following.get("next_request")
    if not isinstance(request, Mapping) or request.keys() - set(_REQUEST):
        hint = 'As in {"next_request": {"params": {"page": 2}}}.'
        raise ModelError(f"the paginator returned {following!r}", hint=hint, code="FFT-415")
    return {**wanted, **request}


def _rows(page: Any, record_path: str | Sequence[str] | None) -> list[Any]:
    keys = record_path.split(".") if isinstance(record_path, str) else list(record_path or ())
    found = page
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            known = f"It has {', '.join(map(str, found))}." if isinstance(found, Mapping) else f"It is {found!r:.80}."
            raise ModelError(f"the JSON has no {key!r} ({'.'.join(keys)})", hint=known, code="FFT-415")
        found = found[key]
    return found if isinstance(found, list) else [found]


def _made_by(session: Any, frame: Any, output: str) -> Any:
    make = next((getattr(session, name) for name in _MAKERS if hasattr(session, name)), None)
    if make is None:
        hint = "Pass a session that makes frames, or leave `output` out for a pandas frame."
        raise ModelError(
            f"output={output!r} needs a session, and {session!r} makes no frame", hint=hint, code="FFT-415"
        )
    return make(frame)
