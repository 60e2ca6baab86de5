"""The generated parts of the pages of commands are those of the commands, and their examples work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fft_cli.app import COMMANDS
from fft_cli.examples import EXAMPLES
from tools.reference import exit_codes
from tools.reference.commands import find_commands, make_pages
from tools.reference.parts import with_parts

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "commands"
PAGES = make_pages()
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT CODES", "EXAMPLES", "SEE ALSO"]
WORDS = [entry.words for entries in find_commands().values() for entry in entries]
# One process for all: each one more would import Dagster again.
TRY_ALL = """
import json, shlex, sys, traceback
from fft_cli.app import app
for typed in json.load(sys.stdin):
    print("$", typed, flush=True)
    try:
        code = app(shlex.split(typed)[1:], standalone_mode=False)
    except SystemExit as ended:
        code = ended.code
    except BaseException as error:
        code = f"{type(error).__name__}: {error}"
    if code:
        sys.exit(f"{typed}: {code}")
"""


def test_every_command_has_a_page() -> None:
    assert {words.partition(" ")[0] for words in WORDS} == set(COMMANDS)
    for words in WORDS:
        assert f"](fft-{words.replace(' ', '-')}.md)" in PAGES["fft.md"]


@pytest.mark.parametrize("words", WORDS)
def test_a_page_has_all_sections_and_each_says_something(words: str) -> None:
    text = PAGES[f"fft-{words.replace(' ', '-')}.md"]
    sections = re.findall(r"^## (.+)\n\n(\S)", text, re.MULTILINE)
    assert [name for name, _ in sections] == [*SECTIONS, "NOTES"]
    assert f"```text\nfft {words} " in text
    assert f"```bash\nfft {words}" in text
    assert "|  |" not in text, "an option has no help"


def test_the_codes_of_commands_are_those_of_known_commands() -> None:
    assert {*exit_codes.OWN, *exit_codes.WITHOUT_PROJECT} <= set(WORDS)


def test_notes_stay_when_a_page_is_made_again(tmp_path: Path) -> None:
    page = tmp_path / "fft-build.md"
    page.write_text("# fft build\n\n<!-- generated: command -->\n\nold\n\n<!-- end: command -->\n\n## NOTES\n\nOurs.\n")
    text = with_parts(page, {"command": lambda: "new"})
    assert "\n\nnew\n\n<!-- end" in text
    assert text.endswith("<!-- end: command -->\n\n## NOTES\n\nOurs.\n")
    assert with_parts(tmp_path / "new.md", {"a": lambda: "b"}, "<!-- generated: a -->\n<!-- end: a -->\n") == (
        "<!-- generated: a -->\n\nb\n\n<!-- end: a -->\n"
    )


def test_links_of_the_pages_resolve() -> None:
    for name, text in PAGES.items():
        targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^):]+)\)", text)]
        broken = [target for target in targets if not (FOLDER / target).exists()]
        assert broken == [], name


def test_examples_work(tmp_path: Path) -> None:
    typed = [e.typed for words, examples in EXAMPLES.items() if words in WORDS for e in examples if e.is_tried]
    assert all(t.startswith("fft ") for t in typed)
    own = ("FF_", "FFT_", "DAGSTER_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    finished = subprocess.run(
        [sys.executable, "-c", TRY_ALL],
        cwd=tmp_path,
        env=environment,
        input=json.dumps(typed),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, f"{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
    assert finished.stdout.count("\n$ ") + 1 >= len(typed)
