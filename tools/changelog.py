"""Check CHANGELOG.md: its form, and that a change of the packages has a line in it.

`python tools/changelog.py` checks the form. `--since REF` also checks that the commits since REF that change a package
change the changelog, too; a commit without an effect for users has the line `Changelog: none` in its message.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from fft_core.version import VERSION

ROOT = Path(__file__).parents[1]
CHANGELOG = "CHANGELOG.md"
PACKAGES = ("fft_core/", "fft_cli/", "fft_dagster/", "fft_prefect/", "fft_pytest/")
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_RELEASE = re.compile(r"## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})")
_NO_EFFECT = re.compile(r"^Changelog: none$", re.MULTILINE | re.IGNORECASE)


def faults_of(text: str, version: str) -> Iterator[str]:
    """Yield what is wrong with the text of a changelog for the current version of the packages."""
    first, *_ = headings = re.findall(r"^## .*$", text, re.MULTILINE) or [""]
    if first == "## [Unreleased]":
        headings = headings[1:]
    else:
        yield "the first section is not `## [Unreleased]`"
    releases = [_RELEASE.fullmatch(heading) for heading in headings]
    for heading, release in zip(headings, releases, strict=True):
        if release is None:
            yield f"{heading!r} is not `## [1.2.3] - 2026-01-31`"
    numbers = [Version(release.group(1)) for release in releases if release]
    if numbers != sorted(numbers, reverse=True):
        yield "the releases are not in order, the newest first"
    if Version(version) not in numbers:
        yield f"version {version} has no section"
    for kind in re.findall(r"^### (.*)$", text, re.MULTILINE):
        if kind not in KINDS:
            yield f"'### {kind}' is not one of {', '.join(KINDS)}"


def commits_without_a_line(root: Path, since: str) -> list[str]:
    """Return the commits since a reference that change a package without the changelog, as `hash subject`.

    Merges are left out: their commits are listed.

    Raises:
        SystemExit: the reference is not a commit.
    """
    command = ["git", "log", "--no-merges", "--name-only", "--format=%x1e%h %s%x1f%B%x1f", f"{since}..HEAD"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"git log {since}..HEAD: {ended.stderr.strip()}")
    found = []
    for record in ended.stdout.split("\x1e")[1:]:
        subject, message, names = record.split("\x1f")
        files = names.split("\n")
        is_change = any(name.startswith(PACKAGES) for name in files)
        if is_change and CHANGELOG not in files and not _NO_EFFECT.search(message):
            found.append(subject)
    return found


def main(arguments: Sequence[str]) -> int:
    """Print what is missing; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--since", metavar="REF", help="check the commits since this one, such as origin/main")
    since = parser.parse_args(arguments).since
    faults = [f"{CHANGELOG}: {fault}" for fault in faults_of((ROOT / CHANGELOG).read_text("utf-8"), VERSION)]
    for commit in commits_without_a_line(ROOT, since) if since else ():
        faults.append(f"{commit}: changes a package; add a line to {CHANGELOG}, or 'Changelog: none' to the message")
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
