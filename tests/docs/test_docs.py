"""What the documentation says is tried: commands run, Python runs, links resolve, options and reasons are all there."""

from __future__ import annotations

import html
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from documented_commands import COMMANDS, COVERED
from fft_process import FFT, run_process
from pages import (
    ALL_PAGES,
    DECISIONS,
    DOCS,
    OF_COMMANDS,
    PAGES,
    README,
    READMES,
    ROOT,
    TUTORIAL,
    Block,
    blocks_of,
    commands_of,
    page_name,
)

from fft_core import load_project
from fft_core.plan.decision import ReasonKind
from fft_core.plan.modified import DIFFERENCES
from fft_core.reports.lint.findings import INVALID
from fft_core.reports.lint.rules import RULES
from tools.reference.commands import Entry, find_commands

# What the pieces of a page stand in, where they are no whole programs.
PRELUDES = {
    "executor.md": "import duckdb\ncursor = duckdb.connect()\nsql = 'select 1'\n",
    "artifacts.md": "import subprocess\nsubprocess.run(['fft', 'build', 'shop'], check=True)\n",
    "operate.md": "import subprocess\nsubprocess.run(['fft', 'build', 'shop'], check=True)\n",
    "why-rebuilt.md": "import subprocess\nsubprocess.run(['fft', 'build', 'shop'], check=True)\n",
}
OWN_FILES = {
    "backfill.md",
    "ci.md",
    "deploy.md",
    "duckdb-to-postgres.md",
    "environments.md",
    "from-dbt.md",
    "how-it-works.md",
    "existing-dagster.md",
    "incremental.md",
    "operate.md",
    "packages.md",
    "review.md",
    "schedule.md",
    "serve.md",
    "snapshots.md",
    "streaming.md",
    "unit-tests.md",
    "why-rebuilt.md",
    "write-a-check.md",
}  # pages whose commands build their files
ALONE = [page for page in PAGES if page not in TUTORIAL]  # pages that do not continue another one
START_SECONDS = 180


def environment(checkout: Path) -> dict[str, str]:
    """The developer's environment without settings of his own, and the commands of this environment first."""
    own = ("FF_", "FFT_", "DAGSTER_", "PYTEST_", "COV_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
    return {**inherited, "PATH": path, "HOME": str(checkout), "DAGSTER_HOME": "", "NO_COLOR": "1"}


def shell(command: str, checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run what is typed; a shell is started only if it has something to do."""
    if command.startswith("fft ") and not re.search(r"[$`|<>&;]", command):
        return run_process(FFT, *shlex.split(command)[1:], cwd=checkout, environment=environment(checkout))
    return subprocess.run(
        ["bash", "-c", command],
        cwd=checkout,
        env=environment(checkout),
        capture_output=True,
        text=True,
        timeout=120,
    )


def write_file(block: Block, checkout: Path) -> None:
    assert block.file is not None  # the caller has asked
    path = checkout / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the commands need of a checkout."""
    hidden = shutil.ignore_patterns(".local", ".fastflowtransform", "__pycache__")
    for folder in ("example_project", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=hidden)
    for name in ("Makefile", "workspace.yaml", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def with_shop(checkout: Path) -> Path:
    """A checkout with the README's project in it, as the README first writes it; built by the page that needs it."""
    written = set[str]()
    for block in blocks_of(README):
        if block.file is not None and block.file not in written:
            write_file(block, checkout)
            written.add(block.file)
        for command in commands_of(block) if block.language == "bash" else ():
            if command.startswith(("mkdir", "printf")):
                assert shell(command, checkout).returncode == 0
    return checkout


def has(page: Path, language: str) -> bool:
    return any(block.language == language for block in blocks_of(page))


# commands


def test_every_command_of_the_documentation_is_known() -> None:
    unknown = [
        f"{page_name(page)}:{block.line}: {command}"
        for page in [*PAGES, *DECISIONS]
        for block in blocks_of(page)
        if block.language in ("bash", "sh", "shell", "console", "")
        for command in commands_of(block)
        if command not in COMMANDS
    ]
    assert unknown == [], "say in COMMANDS how they are tried"


def test_every_known_command_is_still_documented() -> None:
    documented = {c for page in ALL_PAGES for b in blocks_of(page) if b.language == "bash" for c in commands_of(b)}
    assert set(COMMANDS) - documented <= {"make bench"}  # docs/concepts/benchmarks.md is written by it
    assert set(COVERED) <= set(COMMANDS)


@pytest.mark.parametrize("page", [page for page in ALONE if has(page, "bash")], ids=page_name)
def test_the_commands_of_a_page_work_from_top_to_bottom(page: Path, request: pytest.FixtureRequest) -> None:
    """Files are written where the page shows them; what the page says is printed is what is printed."""
    checkout: Path = request.getfixturevalue("checkout" if page == README else "with_shop")
    printed = ""
    for block in blocks_of(page):
        where = f"{page_name(page)}:{block.line}"
        if block.file is not None and (page == README or page.name in OWN_FILES):
            write_file(block, checkout)
        elif block.language == "text" and printed:
            assert block.text.split() == printed.split(), where
        printed = ""
        for command in commands_of(block) if block.language == "bash" else ():
            printed = tried(command, checkout, page, where)


def tried(command: str, checkout: Path, page: Path, where: str) -> str:
    """Try a command in the way that COMMANDS says; give what it prints."""
    match COMMANDS[command]:
        case "run":
            finished = shell(command, checkout)
            assert finished.returncode == 0, f"{where}: {command}\n{finished.stdout}\n{finished.stderr}"
            return finished.stdout
        case "dry":
            finished = shell(command.replace("make ", "make -n ", 1), checkout)
            assert finished.returncode == 0, f"{where}: {command}\n{finished.stderr}"
        case "package":
            names_extras_that_exist(command)
        case "venv":
            made = shell("make -n example", checkout).stdout
            assert f"{command.removeprefix('source ').removesuffix('/activate')}/fft build example_project" in made
        case "help":
            words = command.split()
            options = [word for word in words if word.startswith("--")]
            known = [word for word in words if not word.startswith("--")]
            subcommand = known[: 2 if known[1] == "deploy" else 3]
            if known[0] == "celery":  # -A imports the app, and the help does not depend on it
                subcommand = ["celery", "worker"]
            said = shell(f"{shlex.join(subcommand)} --help", checkout).stdout
            assert [option for option in options if option not in said] == [], where
        case "serve" if command not in COVERED or page == README:
            serves(command, checkout, where)
        case "serve":
            pass
    return ""


def names_extras_that_exist(command: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    match = re.search(r'"(\.|[\w-]+)\[([\w,]+)\]"', command)
    assert match is not None, command
    assert match.group(1) in (".", project["name"])
    assert set(match.group(2).split(",")) <= set(project["optional-dependencies"])


def serves(command: str, checkout: Path, where: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = checkout / "server.log"
    with log.open("w") as output:
        # a shell in the background ignores signals, and what it starts inherits that
        server = subprocess.Popen(
            ["env", "--default-signal=HUP,INT,QUIT,TERM", "bash", "-c", f"{command} -p {port}"],
            cwd=checkout,
            env=environment(checkout),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        assert answers(port, server), f"{where}: {command}\n{log.read_text()}"
    finally:
        stop(server)


def answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        for path in ("server_info", "health/live"):  # of Dagster and Prefect; of fft serve
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as response:
                    return bool(response.status == 200)
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: all of them are in the session that was made for it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            continue


# Python, YAML


@pytest.mark.parametrize("page", [page for page in ALONE[1:] if has(page, "python")], ids=page_name)
def test_the_python_of_a_page_runs(page: Path, with_shop: Path) -> None:
    """Blocks that are files are written; the others run as one program. Where there are only files, they are built.

    The files of the README are built by its commands.
    """
    program = PRELUDES.get(page.name, "")
    for block in blocks_of(page):
        if block.file is not None:
            write_file(block, with_shop)
        elif block.language == "python":
            program += "\n" * (block.line - program.count("\n")) + block.text.replace("[...]", "[]")
    script = with_shop / f"{page.stem}_blocks.py"
    script.write_text(program or BUILD_THE_SHOP, encoding="utf-8")
    finished = run_process(sys.executable, script, cwd=with_shop, environment=environment(with_shop))
    assert finished.returncode == 0, f"{page_name(page)}\n{finished.stderr[-3000:]}"


BUILD_THE_SHOP = """\
from fft_core import load_project, open_warehouse
from fft_core.run.turn import build_model, build_seed
project = load_project("shop")
with open_warehouse(project) as warehouse:
    for node in project.stored():
        (build_seed if node.name in project.seeds else build_model)(warehouse, node)
"""


def yaml_blocks() -> Iterator[tuple[str, Block]]:
    for page in ALL_PAGES:
        yield from ((page_name(page), block) for block in blocks_of(page) if block.language in ("yaml", "json"))


@pytest.mark.parametrize(("page", "block"), [pytest.param(p, b, id=f"{p}:{b.line}") for p, b in yaml_blocks()])
def test_yaml_and_json_parse(page: str, block: Block) -> None:
    assert yaml.safe_load(block.text), page


# what must be said, and what must not


def headings(page: Path) -> set[str]:
    lines = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S), re.M
    )
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", ALL_PAGES, ids=page_name)
def test_links_resolve(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / name).resolve() if name else page
        if not path.is_relative_to(ROOT) or not path.exists() or (anchor and anchor not in headings(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", [*ALL_PAGES, *READMES], ids=page_name)
def test_a_link_is_named_by_the_title_of_its_page_and_not_by_its_file(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert [name for name in re.findall(r"\[([^\]]+)\]\(", text) if name.strip("`").endswith(".md")] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    def paths(entry: object) -> Iterator[str]:
        match entry:
            case str(path):
                yield path
            case dict():
                yield from (path for value in entry.values() for path in paths(value))
            case list():
                yield from (path for value in entry for path in paths(value))

    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    pages = [page.relative_to(DOCS).as_posix() for page in PAGES[1:] if page not in OF_COMMANDS]
    others = ["reference/commands/fft.md", "decisions/index.md"]
    assert sorted(paths(site["nav"])) == sorted([*pages, *others])


COMMANDS_OF_FFT = [entry for entries in find_commands().values() for entry in entries]


@pytest.mark.parametrize("entry", COMMANDS_OF_FFT, ids=lambda entry: entry.words)
def test_every_option_is_documented(entry: Entry) -> None:
    text = (DOCS / "reference" / "commands" / entry.file).read_text(encoding="utf-8")
    table = text.partition("## OPTIONS\n")[2].partition("\n## ")[0]
    documented = set(
        re.findall(r"(?<![\w-])--?[a-z][\w-]*", " ".join(re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)))
    )
    options = {
        option
        for parameter in entry.command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("-")
    }
    assert options - documented == set()


def test_every_command_of_fft_is_documented() -> None:
    text = (DOCS / "reference" / "commands" / "fft.md").read_text(encoding="utf-8")
    assert {entry.words for entry in COMMANDS_OF_FFT if f"[fft {entry.words}]({entry.file})" not in text} == set()


@pytest.mark.parametrize("entry", COMMANDS_OF_FFT, ids=lambda entry: entry.words)
def test_the_page_of_a_command_has_notes(entry: Entry) -> None:
    """The notes stand below the generated part, which `make docs` writes again."""
    text = (DOCS / "reference" / "commands" / entry.file).read_text(encoding="utf-8")
    assert re.search(r"^<!-- end: command -->\n\n## NOTES\n\n\S", text, re.MULTILINE)


def test_no_option_is_listed_by_hand_as_well() -> None:
    """The notes of a command say more about its options, and have no second table of them."""
    notes = {page.name: page.read_text(encoding="utf-8").partition("<!-- end: command -->")[2] for page in OF_COMMANDS}
    assert [name for name, text in notes.items() if re.search(r"^\| `--", text, re.MULTILINE)] == []


def test_every_kind_of_reason_is_documented() -> None:
    text = (DOCS / "concepts" / "skip.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \| (?:build|reuse) \|", text, re.MULTILINE))
    assert documented == set(get_args(ReasonKind))


def test_every_rule_of_ci_check_is_documented_with_its_level() -> None:
    text = (DOCS / "reference" / "ci-check.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([\w-]+)` \| (error|warning|note) \|", text, re.MULTILINE)
    assert documented == [(INVALID, "error"), *((name, rule.level) for name, rule in RULES.items())]


def test_every_reason_that_modifies_is_documented() -> None:
    text = (DOCS / "reference" / "selection.md").read_text(encoding="utf-8")
    table = text.partition("## state:modified")[2].partition("A node that is built each time")[0]
    assert set(re.findall(r"`(\w+_\w+)`", table)) == DIFFERENCES


@pytest.mark.parametrize("page", ALL_PAGES, ids=page_name)
def test_nothing_of_one_machine_is_in_the_documentation(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.$}/])/(?:work|root|home|tmp|opt|usr|var|mnt|Users)/\S*", text) == []
    assert (
        re.findall(r"\S*(?:/simple\b|index-url|pypi\.org|pythonhosted|localhost:\d+|artifactory|nexus)\S*", text) == []
    )


def test_the_pictures_are_small() -> None:
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    assert all(picture.stat().st_size < 400_000 for picture in pictures)


def test_the_recording_shows_the_example_project() -> None:
    """tests/docs/record_terminal.py makes it anew."""
    drawn = (DOCS / "images" / "fft_build.svg").read_text(encoding="utf-8")
    shown = html.unescape(re.sub(r"<[^>]+>", "", drawn)).replace("\xa0", " ")
    named = set(re.findall(r"(?:built|running) +(\w+)", shown))
    assert len(named) > 10
    assert named <= {node.name for node in load_project(ROOT / "example_project").stored()}
    assert re.findall(r"url\(.*?\)|href=.*?>", drawn) == re.findall(r"url\(#fft-[\w-]+\)", drawn)  # nothing is fetched
