"""Packages: other projects as sources of models and macros. Reads files only; `install.py` runs git."""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fft_core.errors import Location, Problem, nearest
from fft_core.project.model import PACKAGES, Home, Package
from fft_core.project.read.files import GIT_PACKAGES, INSTALLED, find_package_files
from fft_core.project.read.yaml_file import YamlFile, parse_yaml, shaped

if TYPE_CHECKING:  # the shapes need pydantic: imported only if there is a file to read
    from fft_core.project.shapes.packages import ManifestShape, PackageShape

FILE = Path("packages.yml")
LOCK = Path("packages.lock.yml")
FORMAT_RELEASE = "0.6"  # the version of FFT whose project format is supported; `fft_version` refers to it
_GIT_URL = re.compile(r".*(://|\.git$)|[\w.-]+@[\w.-]+:")
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True)
class Declared:
    """The entry of a package in packages.yml, and its place."""

    shape: PackageShape
    where: Location

    @property
    def name(self) -> str:
        """The name of the package."""
        return self.shape.name

    @property
    def wanted(self) -> Pin:
        """The requested repository and revision, without a commit yet."""
        return Pin(without_credentials(self.shape.git or ""), " ".join(self.shape.revision or ()), "")

    @property
    def origin(self) -> str:
        """The source of the package, as a display text."""
        parts = (self.wanted.git, self.shape.subdir, self.wanted.revision)
        return self.shape.path or " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Pin:
    """The commit of a git package, valid as long as packages.yml requests the same repository and revision.

    `git` is the repository without credentials; `revision` is "branch main" and the like, "" for the default branch.
    """

    git: str
    revision: str
    commit: str

    def fits(self, declared: Declared) -> bool:
        """Return whether packages.yml still requests the same repository and revision."""
        return replace(self, commit="") == declared.wanted


Pins: TypeAlias = Mapping[str, Pin]
RootOf: TypeAlias = Callable[[Declared], Path | None]  # folder of a git package; None if not installed


def without_credentials(url: str) -> str:
    """Return a URL without user and password; the user of ssh stays, because it is not secret.

    >>> without_credentials("https://token@example.com/x.git"), without_credentials("ssh://git@example.com/x.git")
    ('https://example.com/x.git', 'ssh://git@example.com/x.git')
    """
    return url if url.startswith("ssh://") and ":" not in url[6:].partition("@")[0] else _CREDENTIALS.sub("", url)


def read_packages(root: Path, problems: list[Problem]) -> tuple[Package, ...]:
    """Find all installed packages of a project, each after those that it depends on.

    Packages that are missing, or differ from packages.yml and packages.lock.yml, are added to `problems`.
    """
    declared = declared_packages(root, problems)
    pins = locked_packages(root, problems) if any(d.shape.git for d in declared) else {}

    def installed(package: Declared) -> Path | None:
        pin = installed_pin(root, package.name)
        problem = _not_installed(package, pin, pins)
        if problem is None:
            return git_folder(root, package.name) / "repo"
        problems.append(problem)
        return None

    found = found_packages(root, declared, installed, problems)
    commits = {package.name: installed_pin(root, package.name) for package in declared if package.shape.git}
    return tuple(replace(p, commit=pin.commit) if (pin := commits.get(p.name)) else p for p in found)


def declared_packages(root: Path, problems: list[Problem]) -> tuple[Declared, ...]:
    """Read packages.yml: a list, or a mapping by name."""
    from fft_core.project.shapes.packages import PackageShape

    file = _yaml(root, FILE, problems)
    if file is None:
        return ()
    found: dict[str, Declared] = {}
    for keys, content in _entries(file, problems):
        shape = shaped(PackageShape, content, file, keys)
        if isinstance(shape, list):
            problems.extend(shape)
            continue
        declared = Declared(shape, file.location(keys))
        other = found.setdefault(shape.name.lower(), declared)
        if other is not declared:
            problems.append(Problem(f"package {shape.name!r} is also in {other.where}", declared.where, code="FFT-120"))
    return tuple(found.values())


def locked_packages(root: Path, problems: list[Problem]) -> Pins:
    """Read packages.lock.yml; empty without such a file, or if it is the original FFT's."""
    from fft_core.project.shapes.packages import LockShape

    file = _yaml(root, LOCK, problems)
    if file is None or not isinstance(file.content, dict) or "lock_version" not in file.content:
        return {}
    shape = shaped(LockShape, file.content, file)
    if isinstance(shape, list):
        hint = "`fft deps` writes this file: correct it, or delete it to install the current commits."
        problems.extend(replace(problem, hint=problem.hint or hint) for problem in shape)
        return {}
    return {name: Pin(locked.git, locked.revision, locked.commit) for name, locked in shape.packages.items()}


def git_folder(root: Path, name: str) -> Path:
    """Return the folder of an installed git package: its files are in `repo`, its pin is beside that folder."""
    return root / GIT_PACKAGES / name


def installed_pin(root: Path, name: str) -> Pin | None:
    """Return the installed pin of a package; None if `fft deps` has not installed it."""
    folder = git_folder(root, name)
    try:
        content = json.loads((folder / INSTALLED).read_text(encoding="utf-8"))
        pin = Pin(str(content["git"]), str(content["revision"]), str(content["commit"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return pin if (folder / "repo").is_dir() else None


def found_packages(
    root: Path, declared: tuple[Declared, ...], root_of: RootOf, problems: list[Problem]
) -> tuple[Package, ...]:
    """Read the project.yml of each package, and compare it with packages.yml and with the needs of other packages."""
    found: dict[str, Package] = {}
    manifests: dict[str, _Manifest] = {}
    for package in declared:
        folder = _folder(root, package, root_of, problems)
        manifest = _manifest(package, folder, problems) if folder else None
        if folder is None or manifest is None:
            continue
        problems.extend(_wrong(package, manifest))
        models = package.shape.models_dir or manifest.shape.models_dir or "models"
        home = Home(folder, Path(models), Path(PACKAGES) / package.name)
        below = (folder / models).resolve()
        if not below.is_dir() or not below.is_relative_to(folder):
            hint = "Name the folder of its models: models_dir in packages.yml or in its project.yml."
            problems.append(
                Problem(f"package {package.name!r} has no folder {models!r}", package.where, hint, code="FFT-171")
            )
            continue
        found[package.name] = Package(
            name=package.name,
            home=home,
            origin=package.origin,
            version=manifest.shape.version,
            digest=find_package_files(home).digest(),
        )
        manifests[package.name] = manifest
    problems.extend(_unmet(manifests, {package.name for package in declared}))
    return tuple(found[name] for name in _ordered(manifests, problems))


@dataclass(frozen=True)
class _Manifest:
    file: YamlFile
    shape: ManifestShape


def _entries(file: YamlFile, problems: list[Problem]) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return the packages as mappings with a name, for either form of the file."""
    content, at = file.content, tuple[str, ...]()
    if isinstance(content, dict) and "packages" in content:
        content, at = content["packages"] or [], ("packages",)
        for key in sorted(file.content.keys() - {"packages"}, key=str):
            problems.append(
                Problem(
                    f"unknown key {key!r} in the file", file.location((key,)), "Known keys: packages", code="FFT-101"
                )
            )
    if isinstance(content, list):
        return [((*at, index), item) for index, item in enumerate(content)]
    if not isinstance(content, dict):
        problems.append(Problem("packages must be a list, or a mapping of names", file.location(at), code="FFT-106"))
        return []
    entries: list[tuple[tuple[str | int, ...], Any]] = []
    for name, said in content.items():
        if isinstance(said, str):
            entries.append(((*at, name), {"name": name, "git" if _GIT_URL.match(said) else "path": said}))
        elif isinstance(said, dict):
            entries.append(((*at, name), {"name": name, **said}))
        else:
            hint = nearest(str(name), ["packages"]) or "As in `shared: ../shared`, or `shared: {git: ..., tag: ...}`."
            problems.append(
                Problem(f"{name} must be a path, or a mapping", file.location((*at, name)), hint, code="FFT-106")
            )
    return entries


def _not_installed(package: Declared, installed: Pin | None, pins: Pins) -> Problem | None:
    """Return the reason why an installed package cannot be used; loading neither clones nor updates."""
    pin, run = pins.get(package.name), "Run: fft deps"
    if installed is None:
        return Problem(f"package {package.name!r} is not installed", package.where, run, code="FFT-170")
    if not installed.fits(package):
        said, wanted = (f"{what.git} {what.revision}".strip() for what in (installed, package.wanted))
        message = f"package {package.name!r} is installed from {said}, {FILE} says {wanted}"
        return Problem(message, package.where, run, code="FFT-170")
    if pin is None or not pin.fits(package):
        return Problem(f"package {package.name!r} differs from its entry in {LOCK}", package.where, run, code="FFT-170")
    if pin.commit != installed.commit:
        message = f"package {package.name!r} is installed at {installed.commit[:12]}, {LOCK} has {pin.commit[:12]}"
        return Problem(message, package.where, run, code="FFT-170")
    return None


def _folder(root: Path, package: Declared, root_of: RootOf, problems: list[Problem]) -> Path | None:
    if package.shape.path is not None:
        folder = (root / Path(package.shape.path).expanduser()).resolve()
        message = f"package {package.name!r}: the folder {package.shape.path!r} does not exist"
        hint = "The path starts at the project's folder."
    else:
        repository = root_of(package)
        if repository is None:
            return None  # reported already
        folder = (repository / (package.shape.subdir or "")).resolve()
        if not folder.is_relative_to(repository.resolve()):
            problems.append(
                Problem(f"subdir {package.shape.subdir!r} leaves the repository", package.where, code="FFT-171")
            )
            return None
        message = f"package {package.name!r}: its repository has no folder {package.shape.subdir!r}"
        hint = "subdir starts at the root of the repository."
    if not folder.is_dir():
        problems.append(Problem(message, package.where, hint, code="FFT-171"))
        return None
    if folder == root:
        problems.append(Problem(f"package {package.name!r} is this project itself", package.where, code="FFT-171"))
        return None
    return folder


def _manifest(package: Declared, folder: Path, problems: list[Problem]) -> _Manifest | None:
    from fft_core.project.shapes.packages import ManifestShape

    shown = Path(PACKAGES) / package.name / "project.yml"
    file = _yaml(folder, Path("project.yml"), problems, shown)
    if file is None:
        if not (folder / "project.yml").is_file():
            hint = "A package is an FFT project: project.yml with a name and a version, and a folder of models."
            problems.append(
                Problem(f"package {package.name!r} has no project.yml", package.where, hint, code="FFT-171")
            )
        return None
    shape = shaped(ManifestShape, file.content, file)
    if isinstance(shape, list):
        problems.extend(shape)
        return None
    return _Manifest(file, shape)


def _wrong(package: Declared, manifest: _Manifest) -> list[Problem]:
    problems = []
    if manifest.shape.name != package.name:
        hint = f"Name it {manifest.shape.name!r} in {FILE}: a package has the name in its project.yml."
        where = manifest.file.location(("name",))
        problems.append(
            Problem(
                f"{where} is called {manifest.shape.name!r}, not {package.name!r}", package.where, hint, code="FFT-171"
            )
        )
    wanted = package.shape.version
    if wanted is not None and (said := _outside(wanted, manifest.shape.version)):
        problems.append(Problem(f"package {package.name!r} {said}", package.where, code="FFT-171"))
    wanted = manifest.shape.fft_version
    if wanted is not None:
        releases = [f"{FORMAT_RELEASE}.{patch}" for patch in range(100)]
        said = _outside(wanted, *releases)
        if said:
            where = manifest.file.location(("fft_version",))
            said = said if "range" in said else f"needs FFT {wanted}; this FFT reads the format of FFT {FORMAT_RELEASE}"
            problems.append(Problem(f"package {package.name!r} {said}", where, code="FFT-171"))
    return problems


def _outside(wanted: str, *versions: str | None) -> str | None:
    """Return in words why no version is in a range; None if one is."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    text = f"=={wanted}" if re.match(r"\d", wanted) else wanted
    try:
        specifiers = SpecifierSet(text, prereleases=True)
    except InvalidSpecifier:
        return f"{wanted!r} is not a range of versions; write it as '>=0.1.0,<0.2.0'"
    try:
        if any(version is not None and specifiers.contains(Version(version)) for version in versions):
            return None
    except InvalidVersion:
        return f"has the version {versions[0]!r}, which cannot be compared; {wanted} is required"
    return f"has {f'the version {versions[0]}' if versions[0] else 'no version'}; {wanted} is required"


def _unmet(manifests: Mapping[str, _Manifest], declared: set[str]) -> list[Problem]:
    """Find unmet needs between packages: each dependency must be listed in the project's own packages.yml."""
    problems = []
    for name, manifest in manifests.items():
        for index, dependency in enumerate(manifest.shape.dependencies):
            where = manifest.file.location(("dependencies", index))
            other = manifests.get(dependency.name)
            if other is None:
                if not dependency.optional and dependency.name not in declared:
                    hint = nearest(dependency.name, declared) or f"Add it to the project's {FILE}."
                    message = f"package {name!r} depends on {dependency.name!r}, which is not in {FILE}"
                    problems.append(Problem(message, where, hint, code="FFT-171"))
            elif dependency.version and (said := _outside(dependency.version, other.shape.version)):
                problems.append(
                    Problem(f"package {name!r} depends on {dependency.name!r}, which {said}", where, code="FFT-171")
                )
    return problems


def _ordered(manifests: Mapping[str, _Manifest], problems: list[Problem]) -> tuple[str, ...]:
    """Return the names, each after its dependencies, so that a package's macros win over those that it builds upon."""
    graph = {
        name: [d.name for d in manifest.shape.dependencies if d.name in manifests]
        for name, manifest in manifests.items()
    }
    try:
        return tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        problems.append(
            Problem(f"packages depend on each other: {' -> '.join(error.args[1])}", Location(FILE), code="FFT-111")
        )
        return tuple(manifests)


def _yaml(root: Path, path: Path, problems: list[Problem], shown: Path | None = None) -> YamlFile | None:
    try:
        text = (root / path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 text: {error.reason}"
        problems.append(Problem(f"the file cannot be read: {said}", Location(shown or path), code="FFT-103"))
        return None
    parsed = parse_yaml(text, shown or path)
    if isinstance(parsed, Problem):
        problems.append(parsed)
        return None
    return parsed
