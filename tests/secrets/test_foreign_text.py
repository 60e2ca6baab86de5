"""What others wrote reaches no terminal, log or page as it is: not from databases, exceptions, rows, names or files."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import sys
import time
from pathlib import Path

import pytest

from fft_core import ProjectError, load_project
from fft_core.names.markdown import fenced, inline, table
from fft_core.names.text import json_escaped, visible, visible_line

HOSTILE = "\x1b]0;owned\x07\x1b[8mX\x9b31m\u202eY\u200bZ\U000e0041\rW"
RAW = [mark.encode() for mark in ("\x1b]0;", "\x1b[8m", "\x9b", "\u202e", "\u200b", "\U000e0041", "\x07")]
SHOWN = "\\x1b]0;owned\\x07\\x1b[8mX\\x9b31m\\u202eY\\u200bZ\\U000e0041\\rW"


def yaml(text: str) -> str:
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


CHARACTERS = " || ".join(f"chr({ord(character)})" for character in HOSTILE)
FILES = {
    "project.yml": f"""\
name: shop
version: "1"
tests:
  - {{type: not_null, table: named, column: {yaml("c" + HOSTILE)}}}
  - {{type: accepted_values, table: rows, column: said, values: [x], severity: warn, description: {yaml(HOSTILE)}}}
  - {{type: accepted_values, table: blocked, column: said, values: [{yaml(HOSTILE)}]}}
  - {{type: not_null, table: lost, column: {yaml(HOSTILE)}}}
""",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: rows.duckdb}}\n",
    "sources.yml": f"""\
version: 2
sources:
  - name: crm
    description: {yaml(HOSTILE)}
    tables:
      - name: users
        identifier: {yaml("t" + HOSTILE)}
        freshness: {{loaded_at_field: {yaml("at" + HOSTILE)}, error_after: {{count: 1, period: hour}}}}
        columns: [{{name: {yaml("c" + HOSTILE)}, description: {yaml(HOSTILE)}, tests: [not_null]}}]
""",
    "models/rows.ff.sql": f"select 1 as id, {CHARACTERS} as said",
    "models/blocked.ff.sql": f"select 1 as id, {CHARACTERS} || 'x' as said",
    "models/named.ff.sql": f'select 1 as id, 2 as "c{HOSTILE}"'.replace("\r", ""),
    "models/lost.ff.sql": "select 1 as id",
    "models/cast.ff.sql": f"select cast({CHARACTERS} as integer) as said",
    "models/raises.ff.sql": f"select error({CHARACTERS} || '[bold]b[/bold]') as said",
    "models/python.ff.py": "from fft_core import model\n\n@model(deps=[])\ndef python():\n"
    f"    raise ValueError({HOSTILE!r} + '[link=http://x]b[/link]')\n",
    "models/logs.ff.py": "import logging, warnings\nimport pandas as pd\nfrom fft_core import model\n\n"
    "@model(deps=[])\ndef logs():\n"
    f"    logging.getLogger('told').warning({HOSTILE!r})\n    warnings.warn({HOSTILE!r})\n"
    f"    return pd.DataFrame({{'a' + {HOSTILE!r}: [1]}})\n",
    "models/about.yml": f"""\
version: 2
models:
  - name: rows
    description: {yaml("<script>alert(1)</script> " + HOSTILE)}
    tags: [{yaml("tag" + HOSTILE)}]
    columns: [{{name: {yaml("<img src=x onerror=alert(1)>" + HOSTILE)}, description: {yaml(HOSTILE)}}}]
""",
    "seeds/raw.csv": 'id,"n<b>\x1b]0;owned\x07"\n1,a\x1b[8mb\n',
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, newline="")
    code, shown = on_a_terminal(root, "build", "--keep-going", "-vv")
    assert (code, raw_in(shown)) == (1, [])
    text = shown.decode()
    for part in (
        f"Could not convert string '{SHOWN}' to INT32",
        f"{SHOWN}[bold]b[/bold]",
        f"ValueError: {SHOWN}[link=http://x]b[/link]",
        f"UserWarning: {SHOWN}",
    ):
        assert part in text
    assert "\x1b[31mfailed     \x1b[0m cast" in text  # our own styles are as they were
    return root


def on_a_terminal(root: Path, *arguments: str) -> tuple[int, bytes]:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(root)
        os.environ.update(TERM="xterm-256color", COLUMNS="300", LINES="40")
        os.execv(sys.executable, [sys.executable, "-m", "fft_cli", *arguments])
    shown, deadline = b"", time.monotonic() + 90
    while time.monotonic() < deadline and select.select([terminal], [], [], 90)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # its other end is closed
            break
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown


def raw_in(shown: bytes) -> list[bytes]:
    return [shown[max(0, shown.index(mark) - 80) : shown.index(mark) + 20] for mark in RAW if mark in shown]


CALLS = {
    "build --keep-going --json": 1,
    "plan": 0,
    "plan --json": 0,
    "ls": 0,
    "ls --json": 0,
    "show rows": 0,
    "show rows --json": 0,
    "show rows --sql": 0,
    "show named": 0,
    "show raw": 0,
    "show crm.users": 1,
    f"show x{HOSTILE}": 2,
    "docgen": 0,
    "ci-check": 0,
    "ci-check --json": 0,
    "ci-check --sarif found.sarif": 0,
    "test": 1,
    "test --json": 1,
    "dag": 0,
    "dag --html": 0,
    "source freshness": 1,
    "sync-db-comments --dry-run": 0,
    "cache clear --dry-run": 0,
    f"build --env x{HOSTILE}": 1,
    f"build --select x{HOSTILE}": 2,
    f"plan --vars x{HOSTILE}": 2,
    f"plan --vars x:{HOSTILE}=[": 2,
    f"plan --changed-since x{HOSTILE}": 1,
    f"plan x{HOSTILE}": 1,
    f"plan --x{HOSTILE}": 2,
    f"x{HOSTILE}": 2,
}


@pytest.mark.parametrize("call", CALLS)
def test_no_command_lets_foreign_text_act_on_the_terminal(call: str, shop: Path) -> None:
    code, shown = on_a_terminal(shop, *call.split(" "))
    assert (code, raw_in(shown)) == (CALLS[call], []), shown.decode(errors="replace")


def test_no_page_and_no_report_has_it(shop: Path) -> None:
    for call in ("docgen", "dag --html", "ci-check --sarif found.sarif", "test"):
        on_a_terminal(shop, *call.split())
    written = [shop / "found.sarif", *(shop / "site").rglob("*.html"), *(shop / ".fastflowtransform").rglob("*.json")]
    assert len(written) > 12
    for path in written:
        assert raw_in(path.read_bytes()) == [], path
        assert re.search("<script>alert|<img src=x", path.read_text()) is None or path.suffix == ".json", path
    catalog = json.loads((shop / ".fastflowtransform" / "target" / "catalog.json").read_text())
    assert catalog["relations"]["logs"]["columns"][0]["name"] == f"a{HOSTILE}"  # as it is, for programs


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("project.yml", f"name: {yaml('p' + HOSTILE)}\nversion: '1'\n"),
        ("sources.yml", f"version: 2\nsources: [{{name: {yaml('a' + HOSTILE)}, tables: [{{name: b}}]}}]\n"),
        ("sources.yml", f"version: 2\nsources: [{{name: a, tables: [{{name: {yaml('b' + HOSTILE)}}}]}}]\n"),
        ("sources.yml", f"a: {{{yaml('b' + HOSTILE)}: {{identifier: x}}}}\n"),
        (
            "project.yml",
            f"name: p\nversion: '1'\ntests: [{{type: unique, table: m, name: {yaml(HOSTILE)}}}]\n",
        ),
    ],
)
def test_a_name_with_control_characters_is_refused(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    (tmp_path / "profiles.yml").write_text("dev: {engine: duckdb}\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.ff.sql").write_text("select 1 as a")
    (tmp_path / file).write_text(text)
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path, environment={})
    assert "contains a control character or an invisible character" in str(caught.value)
    assert raw_in(visible(str(caught.value)).encode()) == []


def test_text_is_spelled_visibly() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("a\tb\r\nc\n") == "a\tb\nc\n"
    assert visible_line("a\tb\r\nc\n") == "a\\tb\\r\\nc\\n"
    assert visible("grüße 日本 👍🏽 עברית") == "grüße 日本 👍🏽 עברית"
    assert json.loads(json_escaped(json.dumps(HOSTILE, ensure_ascii=False))) == HOSTILE
    assert raw_in(json_escaped(json.dumps(HOSTILE, ensure_ascii=False)).encode()) == []
    for number in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        0x2066,
        0xFEFF,
        0xD800,
    ):
        if chr(number) not in "\n\t":
            assert visible(chr(number)).isprintable(), hex(number)


def test_markdown_shows_text_as_it_is() -> None:
    said = "<script>x</script> [a](javascript:b) `c` **d** _e_ a_b | f & ~g~\nh"
    assert inline(said) == (
        "\\<script\\>x\\</script\\> \\[a\\](javascript:b) \\`c\\` \\*\\*d\\*\\* \\_e\\_ a_b \\| f \\& \\~g\\~\\\\nh"
    )
    assert fenced("select 1") == "```sql\nselect 1\n```"
    assert fenced("a\n```\n<b>") == "````sql\na\n```\n<b>\n````"
    assert table(["a|b", "<i>"], [[None, "x\ny"], ["\x1b[31m", "1"]]) == (
        "| a\\|b | \\<i\\> |\n| --- | --- |\n| NULL | x y |\n| \\\\x1b\\[31m | 1 |"
    )
