"""CHANGELOG.md has its form, and the check of commits finds those without a line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pages import ROOT

from fft_core.version import VERSION
from tools.changelog import commits_without_a_line, faults_of

GOOD = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-29\n\n### Added\n\n- A.\n\n## [0.1.0] - 2026-11-23\n"


def test_the_changelog_has_its_form() -> None:
    assert list(faults_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), VERSION)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("## [Unreleased]\n\n", "", "the first section is not `## [Unreleased]`"),
        ("[0.1.0] - 2026-11-23", "0.1.0 (2026)", "'## 0.1.0 (2026)' is not `## [1.2.3] - 2026-01-31`"),
        ("[0.1.0]", "[0.3.0]", "the releases are not in order, the newest first"),
        ("[0.2.0]", "[0.2.1]", "version 0.2.0 has no section"),
        ("### Added", "### New", "'### New' is not one of Added, Changed, Deprecated, Removed, Fixed, Security"),
    ],
)
def test_a_fault_of_the_form_is_found(old: str, new: str, fault: str) -> None:
    assert list(faults_of(GOOD, "0.2.0")) == []
    assert list(faults_of(GOOD.replace(old, new), "0.2.0")) == [fault]


def test_commits_without_a_line_are_found(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *words], cwd=root, check=True)

    def commit(message: str, *names: str) -> None:
        for name in names:
            (root / name).parent.mkdir(exist_ok=True)
            with (root / name).open("a", encoding="utf-8") as file:
                file.write("a line\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", message)

    git("init", "--quiet", "--initial-branch=main")
    commit("Begin", "README.md")
    commit("With a line", "fft_core/a.py", "CHANGELOG.md")
    commit("Docs only", "docs/a.md")
    commit("Faster\n\nChangelog: none", "fft_core/a.py")
    assert commits_without_a_line(root, "HEAD~3") == []
    commit("Another default", "fft_cli/b.py")
    (found,) = commits_without_a_line(root, "HEAD~4")
    assert found.endswith(" Another default")
    with pytest.raises(SystemExit, match=r"nowhere\.\.HEAD"):
        commits_without_a_line(root, "nowhere")
