"""One request: from the cache, or from the network with retries, at the allowed rate, from allowed hosts only."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cache, cached_property
from typing import Any

import httpx
import stamina
from hishel.httpx import CacheTransport

from fft_core.errors import ModelError, ModelRaisedError
from fft_core.http.settings import HttpSettings
from fft_core.http.stats import current
from fft_core.http.storage import FileStorage, key_of, shown_url

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0  # seconds; the limit of a delay that a server asks for
# Headers that affect the answer: libraries change the others with each version.
_COUNTED = frozenset({"accept", "accept-language", "authorization", "cookie", "content-type"})
_DEFAULTS = frozenset({"host", "user-agent", "accept-encoding", "connection", "content-length"})


class OfflineError(httpx.TransportError):
    """The response is not in the cache, and requests are offline."""


class AnswerError(httpx.HTTPError):
    """A server answered with an error. The message has no URL, which may contain credentials."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code} {response.reason_phrase}".rstrip())
        self.response = response

    @property
    def can_retry(self) -> bool:
        """Whether a retry can succeed."""
        return self.response.status_code in _AGAIN


class _Masked(logging.Filter):
    """A filter that removes credentials from the URLs that httpx logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        if arguments:
            record.args = tuple(shown_url(str(one)) if isinstance(one, httpx.URL) else one for one in arguments)
        return True


@contextmanager
def _masked_log() -> Iterator[None]:
    logger, masked = logging.getLogger("httpx"), _Masked()
    logger.addFilter(masked)
    try:
        yield
    finally:
        logger.removeFilter(masked)


class Rate:
    """A limit of requests per second; threads may share it."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, per_second: float | None) -> None:
        """Wait until the next request is allowed."""
        if not per_second:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / per_second
        self._sleep(max(0.0, turn - now))


@cache
def _ssl_context() -> ssl.SSLContext:
    """Read the certificates once: it takes 50 ms and more."""
    return httpx.create_ssl_context()


class _Network(httpx.BaseTransport):
    """A transport that sends requests and follows redirects, so that the cache above it keeps the final response."""

    def __init__(self, settings: HttpSettings, rate: Rate) -> None:
        self._settings, self._rate = settings, rate

    @cached_property
    def _client(self) -> httpx.Client:
        """The client, made for the first request that the cache does not answer."""
        return httpx.Client(
            timeout=self._settings.timeout,
            follow_redirects=True,
            event_hooks={"request": [self._allowed]},
            verify=_ssl_context(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._settings.offline:
            raise OfflineError("it is not in the cache", request=request)
        attempts = stamina.retry_context(
            on=_wait_for, attempts=self._settings.retries + 1, timeout=None, wait_max=10.0, wait_jitter=0.2
        )
        for attempt in attempts:
            with attempt:
                self._rate.wait(self._settings.per_second)
                response = self._client.send(request)
                if response.status_code in _AGAIN:
                    raise AnswerError(response)
        return response

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def _allowed(self, request: httpx.Request) -> None:
        refuse_other_hosts(self._settings, request.url)


def refuse_other_hosts(settings: HttpSettings, url: httpx.URL) -> None:
    """Raise ModelError for a URL of a host that is not allowed; checked for redirects and further pages, too."""
    if not settings.allows(url.host, url.port):
        known = ", ".join(settings.domains)
        hint = f"FF_HTTP_ALLOWED_DOMAINS has {known}."
        raise ModelError(f"the host {url.host!r} is not one of the allowed domains", hint=hint, code="FFT-415")


def _wait_for(error: Exception) -> bool | float:
    """Return whether a request is retried; if the server asks for a delay, return it in seconds."""
    if isinstance(error, AnswerError):
        return _retry_after(error.response) or True
    return isinstance(error, httpx.TransportError) and not isinstance(
        error, OfflineError | httpx.UnsupportedProtocol | httpx.ProxyError
    )


def _retry_after(response: httpx.Response) -> float | None:
    said = response.headers.get("retry-after", "").strip()
    if said.isdigit():
        return min(float(said), _LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(said).timestamp() - time.time()
    except ValueError:
        return None
    return min(max(seconds, 0.001), _LONGEST_WAIT)


def get(
    settings: HttpSettings,
    rate: Rate,
    url: str,
    params: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
    *,
    ttl: float | None = None,
) -> httpx.Response:
    """Request one URL. Raises ModelError; ModelRaisedError if a retry can succeed.

    Args:
        settings: The settings of requests.
        rate: The limit that all requests of a project share.
        url: The address.
        params: Parameters that are added to its query.
        headers: The headers of the request.
        ttl: Seconds after which a cached response is requested again, instead of the one of the settings.
    """
    network = _Network(settings, rate)
    age = settings.ttl if ttl is None else ttl
    storage = FileStorage(settings.folder, ttl=None if settings.offline else age, is_written=settings.mode == "rw")
    transport = network if settings.mode == "off" else CacheTransport(network, storage)
    with httpx.Client(transport=transport, timeout=settings.timeout) as client:
        request = _request(client, settings, url, params, headers)
        try:
            with _masked_log():
                response = client.send(request)
            if not response.is_success:
                raise AnswerError(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _said(error, request) from None  # the cause could show a secret in the URL
    _count(settings, response)
    return response


def _request(
    client: httpx.Client,
    settings: HttpSettings,
    url: str,
    params: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
) -> httpx.Request:
    try:
        address = httpx.URL(url)
        address = address.copy_merge_params(dict(params)) if params else address
    except (httpx.InvalidURL, TypeError) as error:
        raise ModelError(f"{url!r} is not a URL: {error}", code="FFT-415") from None
    if address.scheme not in ("http", "https"):
        raise ModelError(
            f"{shown_url(url)!r} is not an HTTP address", hint="Write it as https://example.com/data.", code="FFT-415"
        )
    refuse_other_hosts(settings, address)
    request = client.build_request("GET", address, headers=dict(headers or {}))
    counted = [
        (name, value)
        for name, value in request.headers.multi_items()
        if name in _COUNTED or (name not in _DEFAULTS and name in {key.lower() for key in headers or {}})
    ]
    request.extensions["caching"] = {"key": key_of("GET", str(request.url), counted, b"")}
    return request


def _said(error: httpx.HTTPError | httpx.InvalidURL, request: httpx.Request) -> ModelError:
    where = shown_url(str(request.url))
    if isinstance(error, OfflineError):
        return ModelError(
            f"offline, and not in the cache: {where}",
            hint="Run once without --offline and FF_HTTP_OFFLINE.",
            code="FFT-415",
        )
    if isinstance(error, AnswerError):
        kind = ModelRaisedError if error.can_retry else ModelError
        return kind(f"{where} returned {error}", code="FFT-415")
    kind = ModelRaisedError if isinstance(error, httpx.TransportError) else ModelError
    hint = "Check the address and the network. With --offline, only the cache is used."
    return kind(f"{where} cannot be read: {type(error).__name__}", hint=hint, code="FFT-415")


def _count(settings: HttpSettings, response: httpx.Response) -> None:
    stats = current()
    if stats is not None:
        status = response.extensions.get("caching")
        from_cache = bool(status and status["from_cache"])
        stats.add(len(response.content), from_cache=from_cache, offline=settings.offline)
