"""The only place that runs git."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess  # not needed to import fft_core

# Git sets these for its hooks, some relative to another folder: they name a repository that is not the requested one.
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
    """Run git in a folder; return the finished process. Git never asks for a password: nobody may be there to answer.

    Args:
        folder: The folder of the repository.
        arguments: The command and its arguments.
        given: The text for its standard input.
        index: An index file to use instead of the repository's.

    Raises:
        OSError: git is not installed, or cannot be run in this folder.
    """
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    environment = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **environment}  # the user's own command wins
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment |= {"GIT_INDEX_FILE": str(index)} if index else {}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, input=given, capture_output=True, check=False)
