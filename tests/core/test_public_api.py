"""The public names of `fft_core`: their examples run, and names that are not public say where they are."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from public_examples import run_example

import fft_core
import fft_core.compat
import fft_core.streaming
import fft_core.testing

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "python-api.md"
# Their examples are on the page, where they run, too.
ON_THE_PAGE = {"publish_frame", "read_relation"}


@pytest.mark.parametrize("name", [name for name in fft_core.__all__ if name not in ON_THE_PAGE])
def test_the_example_of_a_public_name_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_example(fft_core, name, tmp_path, monkeypatch, imports=name not in SEEN_BY_LOADING)


@pytest.mark.parametrize(
    ("package", "name"),
    [
        (fft_core.streaming, "FileTailSource"),
        (fft_core.streaming, "StreamSessionizer"),
        (fft_core.testing, "make_project"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_example_of_a_name_for_streams_and_tests_runs(
    package: ModuleType, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_example(package, name, tmp_path, monkeypatch)


# They are values that a project or a plan holds: an example gets them from there.
SEEN_BY_LOADING = {"Decision", "Model", "Plan", "Project", "Seed", "Source"}


def test_there_are_about_thirty_public_names() -> None:
    assert list(fft_core.__all__) == sorted(set(fft_core.__all__))
    assert len(fft_core.__all__) <= 35


def test_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse((ROOT / "fft_core" / "__init__.pyi").read_text(encoding="utf-8"))
    told = [part for part in tree.body if isinstance(part, ast.ImportFrom)]
    assert sorted(str(alias.asname) for part in told for alias in part.names) == fft_core.__all__
    for part in told:
        for alias in part.names:
            assert alias.name == alias.asname
            assert getattr(importlib.import_module(str(part.module)), alias.name) is getattr(fft_core, alias.name)


# What was public once, and where it is; `test_an_old_name_says_where_it_is` imports it as the error says.
OLD_NAMES = """
ArtifactError BuildResult CacheMode Catalog Check CheckResult CheckRunResult CommentChange CommentPlan DifferingRow
EngineSpec Finding FreshnessResult Graph HttpRunResult Identities InstalledPackage JudgedView LiveViews Manifest Masker
Mismatch NodeKind NodeRunResult Orphan OutputGuard Package PartitionColumn PartitionExpression Preview Reason Rebuilder
RunError RunResults Slice StepEnded StepStarted TimeRange UnitTest UnitTestResult Within build_model build_or_reuse
build_seed check_node default_engine described_node duckdb_connection ended_with_checks ended_with_error
ended_with_rows environment_masker find_leftovers find_node find_orphans forget_all_builds forget_builds frame_type_of
graph_of guarded_output in_words inline_model install_packages installed_specs json_escaped keep_databases last_loaded
lend_databases lint_project load_profile make_manifest mermaid new_project not_started plan_comments planned_relations
problems_found project_identities project_masker prunable_versions prune_snapshot publish_slice read_catalog
read_run_results read_slice recorded_builds remove_leftovers remove_orphans rendered_sql sarif_report select_checks
select_nodes select_sources select_unit_tests shown_path spec_of split_last_term visible visible_line
warn_of_short_secrets with_checks write_catalog write_comments write_dag write_docs write_json_file write_manifest
write_run_results write_text_file
""".split()


@pytest.mark.parametrize("name", OLD_NAMES)
def test_an_old_name_says_where_it_is(name: str) -> None:
    with pytest.raises(ImportError, match=rf"^'{name}' is not a public name of 'fft_core'; from fft_core\.") as caught:
        getattr(fft_core, name)
    for said in str(caught.value).partition("; ")[2].split(" or "):
        found = dict[str, object]()
        exec(said, found)
        assert name in found


def test_a_program_that_imports_an_old_name_is_told_so() -> None:
    ended = subprocess.run([sys.executable, "-c", "from fft_core import BuildResult"], capture_output=True, text=True)
    assert ended.returncode == 1
    said = (
        "ImportError: 'BuildResult' is not a public name of 'fft_core'; from fft_core.build.publish import BuildResult"
    )
    assert ended.stderr.splitlines()[-1] == said


def test_what_is_nowhere_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'fft_core' has no attribute 'nothing'"):
        getattr(fft_core, "nothing")  # noqa: B009 - the type checker knows that it does not exist
    assert not hasattr(fft_core, "__wrapped__")
    assert not hasattr(fft_core, "VERSION")


def test_a_room_is_imported_by_its_name() -> None:
    code = "import fft_core; from fft_core import plan; print(plan.__name__)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "fft_core.plan\n"


def test_the_page_of_the_api_has_each_public_name() -> None:
    named = re.findall(r"^\| (\[?`.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = [name for cell in named for name in re.findall(r"`(\w+)", cell)]
    assert sorted(found) == fft_core.__all__


# What pages may import, and from where.
DOORS = {
    "from fft_core": fft_core.__all__,
    "from fft_core.testing": fft_core.testing.__all__,
    "from fft_core.streaming": fft_core.streaming.__all__,
    "from fft_core.compat": fft_core.compat.OF_SCRIPTS,
}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_examples_of_the_documentation_use_public_names(page: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).splitlines():
        home, _, names = line.partition(" import ")
        if home.startswith(("from fft_core", "import fft_core")):
            assert set(re.findall(r"\w+", names)) <= set(DOORS[home]), line


def test_the_page_has_the_examples_that_docstrings_have_not() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert {name for name in ON_THE_PAGE if not re.search(rf"\b{name}\(", "".join(blocks))} == set()


def test_a_project_that_is_made_again_keeps_its_files(tmp_path: Path) -> None:
    fft_core.testing.make_project(
        tmp_path, {"project.yml": "name: shop\nversion: '1'\n"}, settings={"path": "a.duckdb"}
    )
    again = fft_core.testing.make_project(tmp_path, {"models/users.ff.sql": "select 1 as id"})
    assert (again.name, "a.duckdb" in (tmp_path / "profiles.yml").read_text()) == ("shop", True)
    fft_core.testing.make_project(tmp_path, {}, settings={"path": "b.duckdb"})
    assert "b.duckdb" in (tmp_path / "profiles.yml").read_text()
