"""JSON web tokens: signed with SECRET_KEY (HS256), or with a key of a JWKS address (RS256)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fft_serve.auth.subject import Subject, is_scope

if TYPE_CHECKING:
    from jwt import PyJWKClient

    from fft_serve.settings import ServeSettings

SHORTEST_KEY = 32


class WebTokens:
    """Reads JSON web tokens with the keys of the settings."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._keys: PyJWKClient | None = None

    @property
    def is_configured(self) -> bool:
        """Whether there is a key."""
        return self._settings.secret_key is not None or self._settings.jwks_url is not None

    def subject(self, text: str) -> Subject | None:
        """Return the owner of a token; None if the token is not valid, for any reason."""
        import jwt

        try:
            algorithm = jwt.get_unverified_header(text).get("alg")
            key = self._key(text, algorithm)
            if key is None:
                return None
            claims = jwt.decode(
                text,
                key,
                algorithms=[str(algorithm)],  # one that belongs to the kind of the key
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
                leeway=self._settings.jwt_leeway,
                options={"require": ["exp"]},  # a token for a named audience is not for an API without a name
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return _subject(claims)

    def _key(self, text: str, algorithm: object) -> Any:  # Any: a text, or a key of the library
        if algorithm == "HS256" and self._settings.secret_key is not None:
            secret = self._settings.secret_key.get_secret_value()
            return secret if len(secret.encode()) >= SHORTEST_KEY else None
        if algorithm == "RS256" and self._settings.jwks_url is not None:
            return self._published(text)
        return None

    def _published(self, text: str) -> Any:
        from jwt import PyJWKClient

        if self._keys is None:
            self._keys = PyJWKClient(self._settings.jwks_url or "", cache_keys=True, lifespan=300, timeout=5)
        return self._keys.get_signing_key_from_jwt(text).key


def _subject(claims: Mapping[str, Any]) -> Subject | None:
    said = claims.get("scope", claims.get("scopes", ()))
    scopes = said.split() if isinstance(said, str) else said
    name = claims.get("sub", "")
    if not isinstance(scopes, list | tuple) or not isinstance(name, str):
        return None
    return Subject(name or "jwt", frozenset(s for s in scopes if isinstance(s, str) and is_scope(s)), dict(claims))
