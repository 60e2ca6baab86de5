"""Settings from the FF_HTTP_* variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from fft_core.errors import ModelError, nearest

CacheMode: TypeAlias = Literal["off", "ro", "rw"]
Value = TypeVar("Value")
_MODES: tuple[CacheMode, ...] = ("off", "ro", "rw")
_FOLDER = ".fastflowtransform/cache/http"
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class HttpSettings:
    """The settings of requests.

    Attributes:
        folder: The folder of cached responses.
        mode: Whether the cache is used: not at all, read only, or read and written.
        ttl: Seconds after which a cached response is requested again; None for never.
        offline: Whether only the cache may answer.
        domains: The allowed hosts, each with its subdomains; all if empty.
        timeout: Seconds to wait for a connection and for each piece of a response.
        retries: How many times a failed request is sent again.
        per_second: The limit of requests per second; None for no limit.
    """

    folder: Path
    mode: CacheMode = "rw"
    ttl: float | None = None
    offline: bool = False
    domains: tuple[str, ...] = ()
    timeout: float = 30
    retries: int = 3
    per_second: float | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str], root: Path) -> HttpSettings:
        """Read the variables; relative paths start at the project's folder. Raises ModelError for a wrong value."""
        said = _Said(environment)
        domains = environment.get("FF_HTTP_ALLOWED_DOMAINS", "").replace(";", ",").split(",")
        return cls(
            folder=(root / Path(environment.get("FF_HTTP_CACHE_DIR") or _FOLDER).expanduser()).resolve(),
            mode=said.mode("FF_HTTP_CACHE"),
            ttl=said.number("FF_HTTP_CACHE_TTL", None),
            offline=said.flag("FF_HTTP_OFFLINE"),
            domains=tuple(domain.strip().lower() for domain in domains if domain.strip()),
            timeout=said.number("FF_HTTP_TIMEOUT", cls.timeout),
            retries=int(said.number("FF_HTTP_MAX_RETRIES", cls.retries)),
            per_second=said.number("FF_HTTP_RATE_LIMIT_RPS", None) or said.number("FF_HTTP_MAX_RPS", None) or None,
        )

    def allows(self, host: str, port: int | None = None) -> bool:
        """Return whether requests to a host are allowed.

        >>> settings = HttpSettings(Path(), domains=("example.com", "*.test.org", "localhost:80"))
        >>> [settings.allows(host) for host in ("api.example.com", "badexample.com", "a.test.org")]
        [True, False, True]
        """
        return not self.domains or any(_is_below(domain, host.lower(), port) for domain in self.domains)


def _is_below(domain: str, host: str, port: int | None) -> bool:
    name, _, wanted_port = domain.partition(":")
    if wanted_port and wanted_port != str(port or ""):
        return False
    name = name.removeprefix("*").strip(".")
    return host == name or host.endswith(f".{name}")


class _Said:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def number(self, name: str, default: Value) -> float | Value:
        return self._read(name, default, float, "a number that is not negative", lambda value: 0 <= value < math.inf)

    def flag(self, name: str) -> bool:
        word = self._environment.get(name, "").strip().lower()
        if word not in (*_TRUE, *_FALSE):
            raise ModelError(f"environment variable {name}: {word!r} is neither true nor false", code="FFT-415")
        return word in _TRUE

    def mode(self, name: str) -> CacheMode:
        word = self._environment.get(name, "").strip().lower() or "rw"
        if word not in _MODES:
            hint = nearest(word, _MODES) or f"Write {', '.join(_MODES)}."
            raise ModelError(f"environment variable {name}: {word!r} is not a cache mode", hint=hint, code="FFT-415")
        return word

    def _read(
        self, name: str, default: Value, read: Callable[[str], float], what: str, is_good: Callable[[float], bool]
    ) -> float | Value:
        text = self._environment.get(name, "").strip()
        if not text:
            return default
        try:
            value = read(text)
        except ValueError:
            value = -1.0
        if not is_good(value):
            raise ModelError(f"environment variable {name}: {text!r} is not {what}", code="FFT-415")
        return value
