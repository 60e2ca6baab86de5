"""The parts of a connection's text that are secret, whichever engine it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

_AUTHORITY = re.compile(r"://[^/@\s:]*:(?P<password>[^@\s]+)@")
_NAMED = re.compile(
    r"(?i)(?:^|[\s?&;])(?:\w*(?:password|passwd|pwd|secret|token)|\w*api_?key|account_?key|\w*access_key)\s*=\s*"
    r"(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)+)"
)


def secret_parts(text: str) -> Iterator[str]:
    """Find what is secret in the text of a connection: the password of a URL, values of keys that say so.

    It finds them in spellings that are refused, too: somebody may have written them.

    >>> sorted(secret_parts("postgresql://me:pa%2Fss@host/db?sslpassword=open"))
    ['open', 'pa%2Fss', 'pa/ss']
    """
    for found in _AUTHORITY.finditer(text):
        password = found["password"]
        yield from (password, unquote(password))
        if "@" in text[found.end() :].partition("?")[0]:  # the password may have an @, which is not encoded
            longest = text[found.start("password") : text.rindex("@")]
            yield from (longest, unquote(longest))
    for found in _NAMED.finditer(text):
        value = found["value"]
        first = re.split("[&;#]", value)[0]  # in a URL, where it ends there
        unquoted = re.sub(r"\\(.)", r"\1", value.strip("'"), flags=re.DOTALL)
        yield from (value, unquoted) if "://" not in text else (first, unquote(first), unquote_plus(first))
