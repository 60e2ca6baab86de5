"""Secret values in variables: of those declared secret, and of those whose names look so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fft_core.engines.spec.dsn import secret_parts
from fft_core.engines.spec.masking import Masker
from fft_core.names.secret_names import looks_secret
from fft_core.project.profile.environment import is_secret


def environment_masker(environment: Mapping[str, object]) -> Masker:
    """Return a masker for an environment alone, for messages before a project is loaded."""
    return Masker.of(secret_values(environment))


def secret_values(variables: Mapping[str, object], declared: Iterable[str] = ()) -> Iterator[str]:
    """Find secret values in variables, by the names of the variables; and the passwords of URLs in all of them."""
    declared = tuple(declared)
    for name, value in variables.items():
        if is_secret(name, declared) or looks_secret(name, value):
            yield from texts_in(value)
        elif isinstance(value, str) and "://" in value:
            yield from secret_parts(value)


def texts_in(value: object) -> Iterator[str]:
    """Yield the texts in a value, which YAML may have read as a number or a list, and secret parts of connections."""
    match value:
        case dict() | list() | tuple():
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts_in(inner)
        case None | bool():
            return
        case _:
            yield str(value)
            yield from secret_parts(str(value))
