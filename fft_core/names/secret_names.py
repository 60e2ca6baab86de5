"""Names of variables, headers and parameters whose values should be masked."""

from __future__ import annotations

import re

_LOOKS_SECRET = re.compile(
    r"(^|_)(PASS(WORD|WD|PHRASE)|SECRETS?|CREDENTIALS?|(API|ACCESS|PRIVATE)_?KEY)($|_)|(^|_)(PASS|PWD|TOKEN|DSN)\d*$"
)
_LOOKS_PLAIN = re.compile(
    r"(OLD)?PWD|.*_(COLUMNS?|COUNT|DAYS|DIR|ENABLED|FIELD|FILE|FORMAT|ID|LENGTH|LIMIT|MODE|NAME|PATH|RATE|TABLE|TYPE|TTL)"
)
_NO_VALUES = frozenset(
    {"true", "false", "none", "null", "auto", "default", "required", "optional", "enabled", "disabled"}
)


def looks_secret(name: str, value: object = None) -> bool:
    """Return whether the name of a value suggests a secret: the value is used, but masked in all output.

    >>> looks_secret("FF_API_TOKEN"), looks_secret("FF_ACCESS_KEY_COLUMN"), looks_secret("PWD")
    (True, False, False)
    """
    upper = name.upper()
    is_word = isinstance(value, str) and value.lower() in _NO_VALUES
    return not is_word and _LOOKS_SECRET.search(upper) is not None and _LOOKS_PLAIN.fullmatch(upper) is None
