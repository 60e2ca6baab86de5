"""The dsn in a profile: which connection strings are accepted. `engines.spec.dsn` finds the secret parts of one."""

from __future__ import annotations

import re

EXAMPLE = "postgresql://user:password@host:5432/database"
EXPECTED = f"{EXAMPLE}, or host=... dbname=... user=... password=..."
HINT = f"Write {EXPECTED}; percent-encode special characters in a URL (@ is %40, / is %2F)."
_URL = r"(?:postgres|postgresql)(?:\+[a-z0-9_]+)?://"  # patterns are compiled on first use
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(?:%25[\w.-]+)?\]|%2[Ff][\w.%-]*|)(?::(\d{1,5})?)?"
_UNSAFE = r"[\x00-\x20\x7f-\xa0\u2028\u2029]"
_PERCENT = r"%(?![0-9A-Fa-f]{2})|%00"
_PAIR = r"(?s)\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)"


def wrong_dsn(dsn: str) -> str | None:
    """Return the problem of a dsn without repeating any of it; None for one of the documented form.

    libpq accepts more: if a character is not encoded, it reads a part of the password as host, port or database, which
    messages would show.

    >>> wrong_dsn("postgresql://me:secret@localhost/shop"), wrong_dsn("postgresql://me:sec/ret@localhost/shop")
    (None, 'has an @ after the host: a special character of user or password is not percent-encoded')
    """
    begin = re.match(_URL, dsn)
    if begin is None:
        return "has another scheme than postgresql://" if "://" in dsn.partition("=")[0] else _wrong_pairs(dsn)
    return _wrong_url(dsn[begin.end() :])


def _wrong_url(rest: str) -> str | None:
    if re.search(_UNSAFE, rest):
        return "has a space, a line break or another control character in it, which must be percent-encoded"
    if re.search(_PERCENT, rest):
        return "has a % that no two hexadecimal digits follow: it must be written as %25"
    authority, rest_of_path = re.match(r"([^/]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    userinfo, at, address = authority.rpartition("@")
    if not at:  # a ? before the first @ can begin the query, or be a character of the password
        authority, rest_of_path = re.match(r"([^/?]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
        address = authority
    else:
        address, mark, query = address.partition("?")
        rest_of_path = mark + query + rest_of_path
    if "@" in userinfo or "@" in rest_of_path:
        return "has an @ after the host: a special character of user or password is not percent-encoded"
    if "[" in userinfo or "]" in userinfo:
        return "has a bracket in user or password, which must be percent-encoded"
    if not all(_is_host(host) for host in address.split(",")):
        return "has no valid host and port"
    database, mark, query = rest_of_path.removeprefix("/").partition("?")
    if "/" in database or "#" in database or ":" in database:
        return "has more than the name of a database after the host"
    if mark and not all(re.fullmatch(r"[A-Za-z_]+=[^=]*", part) for part in query.split("&")):
        return "has something else than key=value after the ?"
    return None


def _is_host(text: str) -> bool:
    found = re.fullmatch(_HOST, text)
    return found is not None and (not found.group(1) or 0 < int(found.group(1)) < 65536)


def _wrong_pairs(dsn: str) -> str | None:
    if "\0" in dsn:
        return "has a control character in it"
    end = 0
    while end < len(dsn.rstrip()):
        pair = re.compile(_PAIR).match(dsn, end)
        if pair is None:
            return "is neither a URL nor a list of key=value"
        end = pair.end()
    return None if end else "is empty"
