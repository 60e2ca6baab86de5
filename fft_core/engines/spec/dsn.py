"""The secret parts of a connection string, for every engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

_AUTHORITY = r"://[^/@\s:]*:(?P<password>[^@\s]+)@"  # patterns are compiled on first use
_NAMED = (
    r"(?i)(?:^|[\s?&;])(?:\w*(?:password|passwd|pwd|secret|token)|\w*api_?key|account_?key|\w*access_key)\s*=\s*"
    r"(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)+)"
)


def secret_parts(text: str) -> Iterator[str]:
    """Yield the secrets in a connection string: the password of a URL, and the values of keys such as `password`.

    It also finds them in strings that FFT does not accept, because a user may have written one.

    >>> sorted(secret_parts("postgresql://me:pa%2Fss@host/db?sslpassword=open"))
    ['open', 'pa%2Fss', 'pa/ss']
    """
    for found in re.finditer(_AUTHORITY, text):
        password = found["password"]
        yield from (password, unquote(password))
        if "@" in text[found.end() :].partition("?")[0]:  # the password may contain an @ that is not encoded
            longest = text[found.start("password") : text.rindex("@")]
            yield from (longest, unquote(longest))
    for found in re.finditer(_NAMED, text):
        value = found["value"]
        first = re.split("[&;#]", value)[0]  # in a URL, the value ends there
        unquoted = re.sub(r"\\(.)", r"\1", value.strip("'"), flags=re.DOTALL)
        yield from (value, unquoted) if "://" not in text else (first, unquote(first), unquote_plus(first))
