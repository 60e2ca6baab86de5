"""The values in variables that nobody may see: of what is declared a secret, or is better not shown by its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fft_core.engines.spec.dsn import secret_parts
from fft_core.engines.spec.masking import Masker
from fft_core.names.secret_names import looks_secret
from fft_core.project.profile.environment import is_secret


def environment_masker(environment: Mapping[str, object]) -> Masker:
    """Do it for an environment alone, for what is said before there is a project."""
    return Masker.of(secret_values(environment))


def secret_values(variables: Mapping[str, object], declared: Iterable[str] = ()) -> Iterator[str]:
    """Find what is secret in variables, by their names; and the passwords of URLs in all of them."""
    declared = tuple(declared)
    for name, value in variables.items():
        if is_secret(name, declared) or looks_secret(name, value):
            yield from texts_in(value)
        elif isinstance(value, str) and "://" in value:
            yield from secret_parts(value)


def texts_in(value: object) -> Iterator[str]:
    """The texts in a value, which YAML may have made a number or a list; the parts of a connection count, too."""
    match value:
        case dict() | list() | tuple():
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts_in(inner)
        case None | bool():
            return
        case _:
            yield str(value)
            yield from secret_parts(str(value))
