"""The tutorial works as a reader types it: all pages in one folder, in the order of the site's navigation.

Files are written from the blocks, commands run, and each output is compared with the page:

- A block whose first line names a file is that file. A CSV file has no comments: the text before its block names it.
- A ```text block is all that the command above it prints, stdout before stderr. If its first line is `...`, it is the
  end of stdout.
- A command must succeed. If its output has a line that begins with `error:` or `fail `, it must fail.
- Seconds and milliseconds count as <seconds>, a date and time with a zone as <time>, so both are only compared by
  their place. Colors and the amount of white space do not count. Lines about nodes that stand together may come in any
  order, because nodes are built at the same time.
"""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import groupby
from pathlib import Path
from subprocess import CompletedProcess

from documented_commands import COMMANDS
from fft_process import run_process
from pages import DOCS, ROOT, TUTORIAL, Block, blocks_of, commands_of, page_name
from test_docs import environment, shell, tried, write_file

COLOR = re.compile(r"\x1b\[\d+m")
REPLACED = (
    (re.compile(r"\b\d+(?:\.\d+)? m?s\b"), "<seconds>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}"), "<time>"),
)
OUTCOME = re.compile(r"(?:built|reused|blocked|skipped) ")
FAILURE = re.compile(r"^(?:error:|fail )", re.MULTILINE)
CSV_FILE = re.compile(r"`([\w/]+\.csv)`:\n\n\Z")
THE_END = "...\n"

# What the last page says about the UI: the job is there, it reuses all tables, and the schedule starts it.
JOB = """\
import dagster as dg
from bikes.definitions import at_four, defs

with dg.DagsterInstance.ephemeral() as instance:
    result = defs.resolve_job_def("nightly").execute_in_process(instance=instance)
    events = result.get_asset_materialization_events()
    print(*sorted(e.asset_key.to_user_string() for e in events))
    print({e.materialization.metadata["action"].value for e in events})
    with dg.build_schedule_context(instance, repository_def=defs.get_repository_def()) as context:
        print(at_four.name, len(at_four.evaluate_tick(context).run_requests))
"""
JOB_PRINTS = """\
charges idle_bikes raw_rides raw_stations rides station_rides
{'reuse'}
nightly_schedule 1
"""


def test_the_pages_are_those_of_the_navigation() -> None:
    assert sorted(pages_in_order()) == TUTORIAL


def test_the_tutorial_works_as_a_reader_types_it(tmp_path: Path) -> None:
    for page in pages_in_order():
        read_page(page, tmp_path)
    finished = run_process(sys.executable, "-c", JOB, cwd=tmp_path, environment=environment(tmp_path))
    assert (finished.stdout, finished.returncode) == (JOB_PRINTS, 0), finished.stderr


def pages_in_order() -> list[Path]:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    (names,) = [part["Tutorial"] for part in site["nav"] if "Tutorial" in part]
    return [DOCS / name for name in names]


def read_page(page: Path, folder: Path) -> None:
    last: CompletedProcess[str] | None = None
    for block in blocks_of(page):
        where = f"{page_name(page)}:{block.line}"
        if block.language == "bash":
            assert last is None or last.returncode == 0, f"{where}: the command before it fails\n{printed(last)}"
            last = typed(block, folder, page, where)
        elif block.language == "text":
            assert last is not None, f"{where}: no command prints it"
            compare(block, last, where)
            last = None
        elif block.language == "csv":
            write_csv(block, page, folder)
        else:
            assert block.file is not None, f"{where}: its first line names no file"
            write_file(block, folder)
    assert last is None or last.returncode == 0, f"{page_name(page)}: its last command fails\n{last and printed(last)}"


def typed(block: Block, folder: Path, page: Path, where: str) -> CompletedProcess[str] | None:
    """Run the commands of a block; return the last one. Only commands whose output is compared may fail."""
    last: CompletedProcess[str] | None = None
    for command in commands_of(block):
        assert last is None or last.returncode == 0, f"{where}\n{printed(last)}"
        if COMMANDS[command] == "run":
            last = shell(command, folder)
        else:
            tried(command, ROOT, page, where)
    return last


def printed(finished: CompletedProcess[str]) -> str:
    return finished.stdout + finished.stderr


def compare(block: Block, finished: CompletedProcess[str], where: str) -> None:
    expected, found = comparable(block.text.removeprefix(THE_END)), comparable(printed(finished))
    if block.text.startswith(THE_END):
        found = comparable(finished.stdout)[-len(expected) :]
    assert found == expected, f"{where}\n{printed(finished)}"
    assert (finished.returncode != 0) == bool(FAILURE.search(block.text)), f"{where}: exit code {finished.returncode}"


def comparable(output: str) -> list[str]:
    """Return its lines without times; a line of an outcome with the lines below it, in alphabetical order."""
    text = COLOR.sub("", output)
    for pattern, name in REPLACED:
        text = pattern.sub(name, text)
    parts: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and parts and OUTCOME.match(parts[-1]):
            parts[-1] += f" {line}"
        elif line.strip():
            parts.append(line)
    words = (" ".join(part.split()) for part in parts)
    together = groupby(words, lambda part: OUTCOME.match(part) is not None)
    return [part for is_outcome, group in together for part in (sorted(group) if is_outcome else group)]


def write_csv(block: Block, page: Path, folder: Path) -> None:
    before = page.read_text(encoding="utf-8").splitlines(keepends=True)[: block.line - 1]
    named = CSV_FILE.search("".join(before))
    assert named is not None, f"{page_name(page)}:{block.line}: the text before it names no file"
    (folder / named.group(1)).write_text(block.text, encoding="utf-8")
