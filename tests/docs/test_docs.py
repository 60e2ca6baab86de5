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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import pytest
import yaml
from fft_process import FFT, run_process

from fft_cli.pages import Entry, find_commands
from fft_core import load_project
from fft_core.plan.decide import ReasonKind
from fft_core.plan.modified import DIFFERENCES
from fft_core.reports.lint.findings import INVALID
from fft_core.reports.lint.rules import RULES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
DEVELOPMENT = sorted((ROOT / "docs" / "development").glob("*.md"))
ALL_PAGES = [*PAGES, *DEVELOPMENT, *sorted((ROOT / "docs" / "decisions").glob("*.md"))]

# How each command of the documentation is tried. One that is not here fails the test.
#   run      it runs, and must end with 0; a ```text block below it is what it prints
#   dry      `make -n`: the target exists; running it would make an environment, or run this test
#   package  what pip would install is this distribution, and the extras exist
#   venv     the environment that the Makefile makes lies there
#   serve    it is started, answers as a web server, and is stopped
#   help     it belongs to another program, whose help knows the command and its options
How = Literal["run", "dry", "package", "venv", "serve", "help"]
COMMANDS: dict[str, How] = {
    "make example": "dry",
    "make dev": "dry",
    "make test": "dry",
    "make bench": "dry",
    "source .venv/bin/activate": "venv",
    'pip install -e ".[duckdb,polars,ui]"': "package",
    'pip install "fft-dagster[prefect,duckdb]"': "package",
    "fft build shop --with prefect": "run",
    "fft dev shop --with prefect": "serve",
    "prefect work-pool create local --type process": "help",
    "prefect deploy --all": "help",
    "prefect worker start --pool local": "help",
    "mkdir -p shop/models shop/seeds": "run",
    "printf 'id,email\\n1,Ann@example.com\\n2,bob@example.org\\n' > shop/seeds/raw_users.csv": "run",
    "fft build shop": "run",
    "fft build shop --jobs 2 --select +domains --rebuild domains": "run",
    "fft build shop --dry-run": "run",
    "fft run shop --select domains --no-cache": "run",
    "fft doctor shop": "run",
    "fft seed shop": "run",
    "fft test shop": "run",
    "fft test shop --select users --jobs 2": "run",
    "fft test shop --history": "run",
    "fft test shop --select type:unique --junit checks.xml --sarif checks.sarif": "run",
    "fft snapshot run shop": "run",
    "fft snapshot run shop --prune --keep-last 5 --dry-run": "run",
    "fft plan shop": "run",
    "fft plan shop --json": "run",
    "fft build shop --select +seen_users": "run",
    "fft plan shop --full-refresh seen_users": "run",
    "fft build shop --select +users_history": "run",
    "fft plan shop --select users+ --exclude domains": "run",
    'fft plan shop --select "kind:seed users+" --exclude "type:view"': "run",
    'fft plan shop --rebuild "us*"': "run",
    "fft build shop --env prod": "run",
    "fft plan shop --select domains --defer prod": "run",
    "fft build shop --select domains --defer prod": "run",
    "fft show domains shop --defer prod": "run",
    "fft test shop --defer prod": "run",
    "fft clone shop --from prod --dry-run": "run",
    "fft clone shop --from prod --select users": "run",
    "fft clone shop --from prod": "run",
    "fft diff shop --against prod": "run",
    "fft diff shop --against prod --data --select users --tolerance 1% --format markdown": "run",
    "git -C shop init --quiet": "run",
    "git -C shop add models seeds project.yml profiles.yml": "run",
    'git -C shop -c user.name=Ann -c user.email=ann@example.com commit --quiet --message "A shop"': "run",
    "fft review shop --since HEAD --defer prod": "run",
    "fft review shop --since HEAD --defer prod --out report.md": "run",
    "fft show users shop": "run",
    "fft show users shop --limit 1 --json": "run",
    "fft show users shop --sql": "run",
    "fft show users shop --config": "run",
    "fft show shop --inline \"select count(*) as users from {{ ref('users') }}\"": "run",
    "fft source freshness shop": "run",
    "mkdir -p shop/clicks": "run",
    (
        """printf '{"user_id": 1, "ts": "2026-05-01T10:00:00Z", "event_id": "a", "amount": 2, "page": "/"}\\n' """
        "> shop/clicks/a.jsonl"
    ): "run",
    "fft build shop --select visits": "run",
    "fft stream run visits shop --until-caught-up": "run",
    "fft stream status shop": "run",
    "fft stream replay visits shop --dry-run": "run",
    "fft stream reset visits shop --to earliest": "run",
    "fft utest shop": "run",
    'fft utest shop --model users --case "no users"': "run",
    "fft utest shop --select +domains --json": "run",
    "fft utest shop --generate domains --rows 2": "run",
    "fft utest shop --model domains": "run",
    "fft utest shop --update": "run",
    "pytest shop": "run",
    'fft plan shop --select "tag:nightly+ kind:seed" --exclude "type:view"': "run",
    'fft ls shop --select "state:modified+"': "run",
    "fft ci-check shop": "run",
    "fft ci-check shop --sarif fft.sarif": "run",
    "fft ls shop": "run",
    "fft ls shop --select users+ --output name": "run",
    "fft ls shop --json": "run",
    "fft dag shop": "run",
    "fft dag shop --select +domains --html": "run",
    "fft docgen shop": "run",
    "fft docgen shop --out site --emit-json --open-source": "run",
    "fft sync-db-comments shop --dry-run": "run",
    "fft sync-db-comments shop": "run",
    "fft init new_shop": "run",
    "fft build new_shop": "run",
    "fft build shop --select +mailbox_domains": "run",
    "fft deps shop": "run",
    "fft deps shop --upgrade": "run",
    "fft cache clear shop --select users+ --dry-run": "run",
    "fft cache clear shop --select users+": "run",
    "fft clean shop --dry-run": "run",
    "fft clean shop --orphans --dry-run": "run",
    "fft clean shop --orphans": "run",
    "fft version": "run",
    "_FFT_COMPLETE=bash_source fft > fft-complete.bash": "run",
    "dagster definitions validate -f shop/definitions.py": "run",
    "uv pip install --no-deps --target engines examples/fft-sqlite": "run",
    "PYTHONPATH=engines pytest examples/fft-sqlite/tests": "run",
    "PYTHONPATH=engines fft init sqlite_shop --engine sqlite": "run",
    "PYTHONPATH=engines fft build sqlite_shop": "run",
    "fft dev shop": "serve",
    "dagster dev -w workspace.yaml": "serve",
    "dagster dev -f shop/definitions.py": "serve",
}
# Starting a server takes long: what other tests open, or the README does, is only known.
COVERED = {
    "dagster dev -w workspace.yaml": "tests/dagster/test_definitions.py validates the workspace",
    "dagster dev -f shop/definitions.py": "docs/dagster.md validates the same file",
    "fft dev shop": "in the README it is started",
    "fft dev shop --with prefect": "tests/prefect/test_prefect_ui.py starts it",
}
# What the pieces of a page stand in, where they are no whole programs.
PRELUDES = {
    "executor.md": "import duckdb\ncursor = duckdb.connect()\nsql = 'select 1'\n",
    "artifacts.md": "import subprocess\nsubprocess.run(['fft', 'build', 'shop'], check=True)\n",
}
OWN_FILES = {
    "environments.md",
    "incremental.md",
    "packages.md",
    "review.md",
    "snapshots.md",
    "streaming.md",
    "unit-tests.md",
}  # pages whose commands build their files
START_SECONDS = 180


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line where it begins."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that the block is: its first line is a comment that names it."""
        match = re.match(r"(?:#|--) ([\w./-]+\.(?:py|sql|yml|yaml|toml))\n", self.text)
        return match.group(1) if match else None


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return tuple(Block(f.group(1), f.group(2), text[: f.start()].count("\n") + 1) for f in fences)


def commands_of(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line.strip() and not line.startswith("#")]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


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
        for page in ALL_PAGES
        for block in blocks_of(page)
        if block.language in ("bash", "sh", "shell", "console", "")
        for command in commands_of(block)
        if command not in COMMANDS
    ]
    assert unknown == [], "say in COMMANDS how they are tried"


def test_every_known_command_is_still_documented() -> None:
    documented = {c for page in ALL_PAGES for b in blocks_of(page) if b.language == "bash" for c in commands_of(b)}
    assert set(COMMANDS) - documented <= {"make bench"}  # docs/benchmarks.md is written by it
    assert set(COVERED) <= set(COMMANDS)


@pytest.mark.parametrize("page", [page for page in [*PAGES, *DEVELOPMENT] if has(page, "bash")], ids=page_name)
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
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as response:
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


@pytest.mark.parametrize("page", [page for page in PAGES[1:] if has(page, "python")], ids=page_name)
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


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [*PAGES[1:], *DEVELOPMENT]
    others = {page.relative_to(ROOT / "docs").as_posix() for page in pages} - {"index.md", "benchmarks.md"}
    assert {name for name in others if f"({name})" not in index} == set()


COMMANDS_OF_FFT = [entry for entries in find_commands().values() for entry in entries]


@pytest.mark.parametrize("entry", COMMANDS_OF_FFT, ids=lambda entry: entry.words)
def test_every_option_is_documented(entry: Entry) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    options = {
        option
        for parameter in entry.command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("-")
    }
    assert {option for option in options if f"`{option}`" not in text and f"`{option} " not in text} == set()


def test_every_command_of_fft_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert {entry.words for entry in COMMANDS_OF_FFT if f"## fft {entry.words}\n" not in text} == set()


def test_every_kind_of_reason_is_documented() -> None:
    text = (ROOT / "docs" / "skip.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \| (?:build|reuse) \|", text, re.MULTILINE))
    assert documented == set(get_args(ReasonKind))


def test_every_rule_of_ci_check_is_documented_with_its_level() -> None:
    text = (ROOT / "docs" / "ci-check.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([\w-]+)` \| (error|warning|note) \|", text, re.MULTILINE)
    assert documented == [(INVALID, "error"), *((name, rule.level) for name, rule in RULES.items())]


def test_every_reason_that_modifies_is_documented() -> None:
    text = (ROOT / "docs" / "selection.md").read_text(encoding="utf-8")
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
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert all(picture.stat().st_size < 400_000 for picture in pictures)


def test_the_recording_shows_the_example_project() -> None:
    """tests/docs/record_terminal.py makes it anew."""
    drawn = (ROOT / "docs" / "images" / "fft_build.svg").read_text(encoding="utf-8")
    shown = html.unescape(re.sub(r"<[^>]+>", "", drawn)).replace("\xa0", " ")
    named = set(re.findall(r"(?:built|running) +(\w+)", shown))
    assert len(named) > 10
    assert named <= {node.name for node in load_project(ROOT / "example_project").stored()}
    assert re.findall(r"url\(.*?\)|href=.*?>", drawn) == re.findall(r"url\(#fft-[\w-]+\)", drawn)  # nothing is fetched
