"""A project that says its secrets wherever it can, and a look for them in all that a run leaves behind."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

# Some spell the same in every notation, some do not.
SECRETS: Mapping[str, str] = {
    "FF_API_TOKEN": "tok-4f9c2d71",  # a well-known name
    "CRM_LOGIN": 'it\'s "quoted" & |odd|',  # declared by a glob
    "OUR_SERVICE_PASSWORD": "pass/word@9:x",  # looks like one
    "SIGNING": "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----",
}
DOT_ENV = "dotenv-hunter-77"
VARIABLE = "vars-hunter-2026"
PROJECT = """\
name: told
version: "1"
vars: {login: nobody}
secrets: [CRM_*, SIGNING, login, FF_FROM_FILE]
tests:
  - {type: not_null, table: bad_rows, column: id}
  - {type: accepted_values, table: warned, column: said, values: [x], severity: warn}
  - {type: row_count_between, table: bad_where, min_rows: 1, where: "no_such_column = 1"}
"""
PYTHON = """\
import logging, os, sys, warnings
import pandas as pd
from fft_core import model
{head}

@model(deps=[])
def {name}():
    values = [os.environ[name] for name in {names!r}]
{body}
"""
FAILING = """\
    for value in values:
        print("out", value, repr(value), flush=True)
        print("err", value, file=sys.stderr, flush=True)
        sys.stdout.buffer.write(b"bytes " + value.encode() + b"\\n")
        logging.getLogger("told").warning("logged %s %r", value, value)
        warnings.warn("warned " + value)
    try:
        raise KeyError(values[0])
    except KeyError as inner:
        try:
            raise ValueError(values) from inner
        except ValueError as error:
            error.add_note("note " + values[1])
            logging.getLogger("told").exception("with a trace %s", values[2])
            raise RuntimeError("cannot log in with " + "; ".join(values)) from error
"""


def files(profile: str) -> dict[str, str]:
    """The project: models that build, whose checks fail or warn, and that fail in SQL, Jinja and Python."""
    read = " || ".join(f"'{{{{ env('{name}') | replace(\"'\", \"''\") }}}}'" for name in [*SECRETS, "FF_FROM_FILE"])
    told = f"{read} || '{{{{ var('login') }}}}'"
    names = list(SECRETS)
    raises = "    raise Odd(values)\n"
    odd = "class Odd(Exception):\n    def __str__(self):\n        return 'odd ' + repr(self.args)\n"
    return {
        "project.yml": PROJECT,
        "profiles.yml": profile,
        ".env": f"FF_FROM_FILE={DOT_ENV}\n",
        "models/good.ff.sql": f"select 1 as id, {told} as said",
        "models/warned.ff.sql": f"select 1 as id, {told} as said",
        "models/bad_rows.ff.sql": f"select cast(null as integer) as id, {told} as said",
        "models/bad_where.ff.sql": "select 1 as id",
        "models/bad_sql.ff.sql": f"select no_such_column, {told} as said",
        "models/bad_cast.ff.sql": f"select cast({told} as integer) as said",
        "models/bad_jinja.ff.sql": "select {{ {}[env('FF_API_TOKEN')] }} as a",
        "models/python.ff.py": PYTHON.format(head="", name="python", names=names, body=FAILING),
        "models/odd.ff.py": PYTHON.format(head=odd, name="odd", names=names, body=raises),
        "models/frame.ff.py": PYTHON.format(head="", name="frame", names=names, body="    return values[0]\n"),
        "models/good_frame.ff.py": PYTHON.format(
            head="", name="good_frame", names=names, body="    print(values[0])\n    return pd.DataFrame({'id': [1]})\n"
        ),
    }


def spellings(value: str) -> set[str]:
    """How a value may stand in a file: as it is, as code, JSON, SQL or a URL has it, or as one of its lines."""
    lines = [line for line in value.splitlines() if len(line) >= 8]
    found = {value, repr(value)[1:-1], json.dumps(value)[1:-1], value.replace("'", "''"), quote(value, safe="")}
    return {*found, *lines, base64.b64encode(value.encode()).decode()}


def leaks(content: bytes, secrets: Mapping[str, str]) -> Iterator[str]:
    """Name the secrets that stand in what somebody can read."""
    for name, value in secrets.items():
        for spelled in spellings(value):
            if spelled.encode() in content:
                where = content.index(spelled.encode())
                yield f"{name} as {spelled!r} in {content[max(0, where - 80) : where + 80]!r}"


def leaks_below(folder: Path, secrets: Mapping[str, str], written: frozenset[Path]) -> list[str]:
    """Look through all files of a folder but those that were written by hand, and databases with the rows."""
    return [
        f"{path.relative_to(folder)}: {leak}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in written and not path.name.startswith("rows.")
        for leak in leaks(path.read_bytes(), secrets)
    ]
