"""What git knows of a folder: the files that differ from a commit, and what they said then."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fft_core.errors import FftError, RequestError

# Set while git runs a hook, relative to another folder than the project's.
_OF_A_REPOSITORY = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})


@dataclass(frozen=True)
class Changes:
    """What differs between a commit and now, in one folder; paths are relative to it.

    Now is the working tree: what is committed since, staged, only edited, deleted, or new and not ignored. A file that
    was renamed is both of its names.
    """

    root: Path
    repository: Path
    commit: str
    files: frozenset[Path]

    def text_before(self, path: Path) -> str | None:
        """Give what a file said at the commit; None where it was not there. What is no UTF-8 is replaced."""
        if not _git(self.root, "ls-tree", "-z", "--name-only", self.commit, "--", path.as_posix()):
            return None
        said = _git(self.root, "show", f"{self.commit}:./{path.as_posix()}")
        return said.decode("utf-8-sig", errors="replace")

    def text_now(self, path: Path) -> str | None:
        """Give what a file says now; None where it is not there. What is no UTF-8 is replaced."""
        try:
            return (self.root / path).read_text(encoding="utf-8-sig", errors="replace")
        except FileNotFoundError:
            return None


def changes_since(root: Path, ref: str, kept: Path) -> Changes:
    """Say what changed in a folder since a commit.

    Args:
        root: The folder, anywhere in a repository.
        ref: The commit, as git understands it.
        kept: A file that git must not ignore: where it does, it sees no change of what lies beside it.

    Raises:
        FftError: git is not installed, the folder is in no repository or is ignored, or there is no such commit.
    """
    repository = os.fsdecode(_git(root, "rev-parse", "--show-toplevel")).rstrip("\n")
    if _run(root, "check-ignore", "--quiet", "--", kept.as_posix()).returncode == 0:
        raise FftError(f"git ignores {kept}: it cannot say what changed", hint="Take the folder out of .gitignore.")
    found = _run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        hint = "Name a commit, branch or tag. In a shallow clone it may have to be fetched first: git fetch --unshallow"
        raise RequestError(f"git knows no commit {ref!r}", hint=hint)
    commit = found.stdout.decode().strip()
    differ = _git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", commit, "--", ".")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    names = {os.fsdecode(name) for name in (differ + new).split(b"\0") if name}
    return Changes(root, Path(repository), commit, frozenset(map(Path, names)))


def _git(root: Path, *arguments: str) -> bytes:
    """Run git in a folder; give what it prints."""
    ended = _run(root, *arguments)
    if ended.returncode == 0:
        return ended.stdout
    said = os.fsdecode(ended.stderr).strip().splitlines() or [f"it ended with {ended.returncode}"]
    message = f"git cannot say what changed in {root}: {said[0].removeprefix('fatal: ')}"
    hint = "--changed-since needs a project in a git repository, or FF_CI_CHANGED_MODELS with the models' names."
    raise FftError(message, hint=hint)


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    environment = {**inherited, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, check=False)
    except OSError as error:
        hint = "Install git, or name the changed models in FF_CI_CHANGED_MODELS."
        raise FftError(f"--changed-since asks git, which cannot be run: {error.strerror}", hint=hint) from error
