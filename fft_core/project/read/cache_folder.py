"""The user's cache folder, outside of all projects, so that a cache that comes with a project is never read."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fft_core.json_files import replace_file

VARIABLE = "FFT_CACHE_DIR"
_OWN = 0o600  # accessible to its owner only


def cache_home() -> Path:
    """Return the folder for caches: FFT_CACHE_DIR, or the user's cache folder by the rules of the system.

    Only the process environment counts, and not a project's .env.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "fft" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fft"
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "fft"


@dataclass(frozen=True)
class ProjectCache:
    """The cache of one project, by its path. It only saves time: files that cannot be trusted or read are ignored."""

    root: Path

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        path = str(self.root.resolve())
        return cache_home() / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if another user owns it, or may write to it or its folder."""
        try:
            if not _is_private(os.lstat(self.folder), stat.S_ISDIR):
                return None
            descriptor = os.open(self.folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(descriptor, "rb") as file:
                return file.read() if _is_private(os.fstat(descriptor), stat.S_ISREG) else None
        except (OSError, RuntimeError):  # also if the user has no home
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically; a folder that is not writable, or belongs to another user, is left alone."""
        try:
            folder = self.folder
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(os.lstat(folder), stat.S_ISDIR):
                return
            replace_file(folder / name, content, mode=_OWN)
        except (OSError, RuntimeError):
            return

    def files(self) -> list[Path]:
        """List its files."""
        try:
            return sorted(self.folder.iterdir())
        except (OSError, RuntimeError):
            return []


def _is_private(state: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    if not is_kind(state.st_mode):
        return False
    if not hasattr(os, "getuid"):  # Windows: the folder is below the user's profile
        return True
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
