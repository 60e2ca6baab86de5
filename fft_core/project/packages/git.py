"""git is run: here only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess  # not needed to import fft_core

# Git sets these for what its hooks call, some of them relative to another folder than the one that is asked about: the
# repository that they name is not the folder's.
_OF_ANOTHER_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)


def run_git(
    folder: Path, *arguments: str, given: bytes = b"", index: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, and return how it ended. It asks for no password, as nobody may be there to answer.

    Args:
        folder: In which repository.
        arguments: The command, and what belongs to it.
        given: What it reads.
        index: The file of an index to use instead of the repository's.

    Raises:
        OSError: git is not installed, or cannot be run in this folder.
    """
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    environment = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **environment}  # the user's own command counts
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment |= {"GIT_INDEX_FILE": str(index)} if index else {}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, input=given, capture_output=True, check=False)
