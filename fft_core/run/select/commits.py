"""The files of a folder that changed since a commit, and their content at that commit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fft_core.errors import FftError, RequestError
from fft_core.project.packages.git import run_git

if TYPE_CHECKING:
    import subprocess


@dataclass(frozen=True)
class Changes:
    """The differences between a commit and the working tree, in one folder; paths are relative to it.

    The working tree has later commits, staged and other edits, deletions, and new files that git does not ignore. A
    renamed file counts under both names.

    Attributes:
        root: The folder.
        repository: The root folder of its repository.
        commit: The hash of the commit.
        files: The files that differ.
        earlier: Those of them that exist in the commit.
    """

    root: Path
    repository: Path
    commit: str
    files: frozenset[Path]
    earlier: frozenset[Path]

    def restore(self, tree: Path) -> Path:
        """Write the files that differ, as they are in the commit, below a folder that stands for the repository.

        Returns:
            The folder in it that stands for the folder of these changes.
        """
        names = b"".join(os.fsencode(path) + b"\0" for path in sorted(self.earlier))
        with tempfile.TemporaryDirectory(prefix="fft-index-") as folder:
            index = Path(folder) / "index"  # the user's own index stays as it is
            _git(self.root, "read-tree", self.commit, index=index)
            _git(self.root, "checkout-index", "--force", "-z", "--stdin", f"--prefix={tree}/", given=names, index=index)
        restored = tree / self.root.relative_to(self.repository)
        restored.mkdir(parents=True, exist_ok=True)
        return restored


def changes_since(root: Path, ref: str, kept: Path) -> Changes:
    """Find the files of a folder that changed since a commit.

    Args:
        root: The folder, anywhere in a repository.
        ref: The commit, in any form that git accepts.
        kept: A file that git must not ignore: if it does, it does not report changes of the files beside it either.

    Raises:
        FftError: git is not installed, the folder is outside of a repository or ignored, or the commit does not exist.
    """
    root = root.resolve()
    repository = os.fsdecode(_git(root, "rev-parse", "--show-toplevel")).rstrip("\n")
    if _run(root, "check-ignore", "--quiet", "--", kept.as_posix()).returncode == 0:
        raise FftError(
            f"git ignores {kept}, so changes cannot be found", hint="Remove the folder from .gitignore.", code="FFT-304"
        )
    found = _run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        hint = "Name a commit, branch or tag. In a shallow clone it may have to be fetched first: git fetch --unshallow"
        raise RequestError(f"git has no commit {ref!r}", hint=hint, code="FFT-304")
    commit = found.stdout.decode().strip()
    differ, added = (frozenset(_differing(root, commit, filter_)) for filter_ in ("", "A"))
    new = _paths(_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", "."))
    return Changes(root, Path(repository), commit, differ.union(new), differ - added)


def _differing(root: Path, commit: str, kind: str) -> Iterator[Path]:
    only = [f"--diff-filter={kind}"] if kind else []
    return _paths(_git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", *only, commit, "--", "."))


def _paths(names: bytes) -> Iterator[Path]:
    return (Path(os.fsdecode(name)) for name in names.split(b"\0") if name)


def _git(root: Path, *arguments: str, given: bytes = b"", index: Path | None = None) -> bytes:
    """Run git in a folder; return its output."""
    ended = _run(root, *arguments, given=given, index=index)
    if ended.returncode == 0:
        return ended.stdout
    said = os.fsdecode(ended.stderr).strip().splitlines() or [f"it ended with {ended.returncode}"]
    message = f"git cannot say what changed in {root}: {said[0].removeprefix('fatal: ')}"
    hint = "--changed-since needs a project in a git repository, or FF_CI_CHANGED_MODELS with the models' names."
    raise FftError(message, hint=hint, code="FFT-304")


def _run(
    root: Path, *arguments: str, given: bytes = b"", index: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    try:
        return run_git(root, *arguments, given=given, index=index)
    except OSError as error:
        hint = "Install git, or name the changed models in FF_CI_CHANGED_MODELS."
        raise FftError(
            f"--changed-since asks git, which cannot be run: {error.strerror}", hint=hint, code="FFT-304"
        ) from error
