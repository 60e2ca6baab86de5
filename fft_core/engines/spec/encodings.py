"""The encodings in which a value can stand in a text: in code, JSON, SQL, HTML, URLs and encodings of bytes."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from fft_core.names.text import visible

_ESCAPES: tuple[Callable[[str], str], ...] = (
    lambda text: repr(text)[1:-1],
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: text.replace("'", "''"),
    lambda text: text.replace('"', '""'),
    lambda text: text.replace("\\", "\\\\"),
    lambda text: text.replace("|", "\\|"),
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    visible,
    lambda text: quote(_bytes(text), safe=""),
    lambda text: quote(_bytes(text)),
    lambda text: quote(_bytes(text), safe="!$&'()*+,;=:~"),
    lambda text: quote_plus(_bytes(text)),
    lambda text: re.sub("%..", lambda found: found.group().lower(), quote(_bytes(text), safe="")),
    lambda text: repr(_bytes(text))[2:-1],
)


def encodings(value: str, shortest: int) -> Iterator[str]:
    """Yield a value in its encodings: as it is, and in code, JSON, SQL, HTML, URLs and encodings of bytes.

    Of a value in the middle of an encoded one, only parts of twice the shortest length count.
    """
    once = dict.fromkeys([value, *(escape(value) for escape in _ESCAPES)])
    yield from once
    if len(once) > 1:  # such as a SQL statement in the text of an exception
        yield from (escape(form) for form in once for escape in _ESCAPES[:7])
    yield _bytes(value).hex()
    for skipped in range(3):  # the number of bytes before the value in its first group
        encoded = base64.b64encode(b"\0" * skipped + _bytes(value)).decode()
        own = encoded[(0, 2, 3)[skipped] :].rstrip("=")
        own = own[:-1] if (skipped + len(_bytes(value))) % 3 else own
        if len(own) >= 2 * shortest:
            yield own
            yield own.replace("+", "-").replace("/", "_")
    yield base64.b64encode(_bytes(value)).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
