"""Installation of git packages, by git. Loading a project only reads the installed files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import yaml

from fft_core.errors import FftError, Problem, ProjectError
from fft_core.json_files import write_json_file, write_text_file
from fft_core.project.model import Package
from fft_core.project.packages.git import run_git
from fft_core.project.packages.packages import (
    FILE,
    LOCK,
    Declared,
    Pin,
    Pins,
    declared_packages,
    found_packages,
    git_folder,
    installed_pin,
    locked_packages,
)
from fft_core.project.read.files import GIT_PACKAGES, INSTALLED, refuse_no_project

_HEAD = "# Written by `fft deps`: the commit of each git package. Keep it in version control.\n"

State: TypeAlias = Literal["installed", "updated", "unchanged", "folder", "removed"]
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class InstalledPackage:
    """A package after `fft deps`; "folder" is one used in place, `version` is None if its project.yml has none."""

    name: str
    state: State
    origin: str = ""
    version: str | None = None
    commit: str | None = None


def install_packages(
    root: Path | str, *, upgrade: bool = False, say: Say = lambda _: None
) -> tuple[InstalledPackage, ...]:
    """Install the git packages of a project, at the commits of packages.lock.yml if they fit packages.yml.

    All packages are fetched and checked before the first one is put in place: a failure changes nothing.

    Args:
        root: The project's folder.
        upgrade: Use the current commits of branches and tags, and write them to packages.lock.yml.
        say: Callback for progress messages.

    Raises:
        ProjectError: packages cannot be fetched, or differ from packages.yml; the message lists all of them.
    """
    root = Path(root).resolve()
    refuse_no_project(root)
    problems: list[Problem] = []
    declared, locked = declared_packages(root, problems), locked_packages(root, problems)
    _refuse(problems)
    if not declared and not (root / LOCK).exists():
        return ()
    with _staging(root) as staging:
        fetched = _fetched(root, declared, {} if upgrade else locked, staging, problems, say)
        packages = found_packages(root, declared, lambda d: _repository(root, d, fetched, staging), problems)
        _refuse(problems)
        removed = _put_in_place(root, declared, fetched, staging)
    pins = {d.name: pin for d in declared if d.shape.git and (pin := installed_pin(root, d.name))}
    _write_lock(root, pins)
    return (*(_said(package, fetched, pins) for package in packages), *removed)


def install_missing_packages(root: Path | str, *, say: Say = lambda _: None) -> None:
    """Install the git packages of a project if one of them has never been installed here.

    The original FFT has no command for this. Packages that are installed are only changed by `install_packages`.

    Args:
        root: The project's folder.
        say: Callback for progress messages.

    Raises:
        ProjectError: as `install_packages`.
    """
    root = Path(root).resolve()
    if not (root / FILE).is_file():
        return
    declared = declared_packages(root, [])  # loading the project reports its errors
    if any(package.shape.git and not git_folder(root, package.name).exists() for package in declared):
        install_packages(root, say=say)


@dataclass(frozen=True)
class _Fetched:
    """A clone that is not in place yet, and the folder that it will replace."""

    pin: Pin
    previous: Pin | None


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise ProjectError(problems)


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """Open a folder beside the packages, so that its content can be moved into place by a rename."""
    folder = root / GIT_PACKAGES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-", ignore_cleanup_errors=True) as staging:
            yield Path(staging)
    except OSError as error:
        raise FftError(f"{folder} cannot be written to: {error.strerror or error}", code="FFT-711") from error


def _fetched(
    root: Path, declared: tuple[Declared, ...], locked: Pins, staging: Path, problems: list[Problem], say: Say
) -> dict[str, _Fetched]:
    fetched = {}
    for package in declared:
        if package.shape.git is None:
            continue
        installed, pin = installed_pin(root, package.name), locked.get(package.name)
        pin = pin if pin and pin.fits(package) else None
        if pin is not None and pin == installed:
            continue
        say(f"{package.name}: {package.wanted.git} {pin.commit[:12] if pin else package.wanted.revision}".rstrip())
        try:
            commit = _clone(root, package, staging / package.name / "repo", pin)
        except _GitError as error:
            problems.append(Problem(f"package {package.name!r}: {error}", package.where, error.hint, code="FFT-172"))
            continue
        new = replace(package.wanted, commit=commit)
        write_json_file(staging / package.name / INSTALLED, asdict(new))
        fetched[package.name] = _Fetched(new, installed)
    return fetched


def _repository(root: Path, package: Declared, fetched: Mapping[str, _Fetched], staging: Path) -> Path | None:
    if package.name in fetched:
        return staging / package.name / "repo"
    folder = git_folder(root, package.name) / "repo"
    return folder if folder.is_dir() else None


def _put_in_place(
    root: Path, declared: tuple[Declared, ...], fetched: Mapping[str, _Fetched], staging: Path
) -> tuple[InstalledPackage, ...]:
    for name in fetched:
        target, old = git_folder(root, name), staging / f"{name}.old"
        if target.exists():
            target.rename(old)
        try:
            (staging / name).rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    wanted = {package.name for package in declared if package.shape.git}
    gone = [
        path.parent for path in sorted((root / GIT_PACKAGES).glob(f"*/{INSTALLED}")) if path.parent.name not in wanted
    ]
    for folder in gone:
        shutil.rmtree(folder)
    return tuple(InstalledPackage(folder.name, "removed") for folder in gone)


def _said(package: Package, fetched: Mapping[str, _Fetched], pins: Pins) -> InstalledPackage:
    pin, new = pins.get(package.name), fetched.get(package.name)
    state: State = "folder" if pin is None else "unchanged"
    if new is not None and new.pin != new.previous:
        state = "updated" if new.previous else "installed"
    return InstalledPackage(package.name, state, package.origin, package.version, pin.commit if pin else None)


def _write_lock(root: Path, pins: Pins) -> None:
    path = root / LOCK
    if not pins:
        if path.exists() and path.read_text(encoding="utf-8").startswith(_HEAD):
            path.unlink()  # a lock file of the original FFT is left alone
        return
    content = {"lock_version": 1, "packages": {name: asdict(pin) for name, pin in sorted(pins.items())}}
    text = _HEAD + yaml.safe_dump(content, sort_keys=False)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    write_text_file(path, text)


# --- git --------------------------------------------------------------------------------------------------------------


class _GitError(Exception):
    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def _clone(root: Path, package: Declared, folder: Path, pin: Pin | None) -> str:
    """Clone a repository without history, at the commit of a pin or at the requested revision; return the commit."""
    url = package.shape.git or ""
    folder.parent.mkdir(parents=True)
    _git(root, package, "clone", "--quiet", "--no-checkout", "--", url, str(folder))
    commit = _commit(folder, package, pin)
    _git(folder, package, "checkout", "--quiet", "--detach", commit)
    shutil.rmtree(folder / ".git")
    return commit


def _commit(folder: Path, package: Declared, pin: Pin | None) -> str:
    if pin is not None:
        found = _resolved(folder, package, f"{pin.commit}^{{commit}}")
        if found is None:
            message = f"commit {pin.commit[:12]} of {LOCK} is no longer in {package.wanted.git}"
            raise _GitError(message, "To install the current commit: fft deps --upgrade")
        return found
    kind, name = package.shape.revision or ("default", "HEAD")
    revisions = {
        "default": ["refs/remotes/origin/HEAD", "HEAD"],
        "branch": [f"refs/remotes/origin/{name}"],
        "tag": [f"refs/tags/{name}"],
        "rev": [name],
        "ref": [f"refs/remotes/origin/{name}", f"refs/tags/{name}", name],
    }[kind]
    for revision in revisions:
        found = _resolved(folder, package, f"{revision}^{{commit}}")
        if found is not None:
            return found
    if kind == "default":
        raise _GitError(f"{package.wanted.git} has no commits")
    raise _GitError(f"{package.wanted.git} has no {kind} {name!r}")


def _resolved(folder: Path, package: Declared, text: str) -> str | None:
    try:
        return _git(folder, package, "rev-parse", "--verify", "--quiet", "--end-of-options", text) or None
    except _GitError:
        return None


def _git(folder: Path, package: Declared, *arguments: str) -> str:
    """Run git, and return its output. Raises _GitError with git's message."""
    settings = ("-c", "core.autocrlf=false", "-c", "advice.detachedHead=false")
    try:
        finished = run_git(folder, *settings, *arguments)
    except FileNotFoundError as error:
        raise _GitError("git is not installed", "Install git, or make it a package with a path.") from error
    if finished.returncode != 0:
        said = os.fsdecode(finished.stderr).strip().replace(package.shape.git or "\0", package.wanted.git)
        first = next((line for line in said.splitlines() if line.startswith(("fatal:", "error:"))), said)
        raise _GitError(f"git {arguments[0]}: {first or f'exit code {finished.returncode}'}")
    return os.fsdecode(finished.stdout).strip()
