"""The files of a model whose rows are served: a manifest of its last build, and immutable Parquet files of its rows.

They lie in `.fastflowtransform/served/ENV/MODEL/`. `fft serve` reads them, and never opens the database of an engine
that lets only one process write. A file is written inside the build under a name that begins with a dot; it gets its
name after the commit. After a crash between the two, the next turn of the model finishes the work.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fft_core.errors import ArtifactError, FftError
from fft_core.json_files import write_json_file
from fft_core.json_files.artifacts import TARGET, read_json_file, spelled

SCHEMA = "fft.served/1"
FOLDER = TARGET.with_name("served")
CURSOR_SECONDS = "FFT_SERVE_CURSOR_SECONDS"
MAX_MB = "FFT_SERVE_MAX_MB"
DEFAULT_CURSOR_SECONDS, DEFAULT_MAX_MB = 3600, 1024
_GRACE = timedelta(seconds=60)  # between the publication of a version and the first reader who knows of it
_MANIFEST, _WITHHELD = "manifest.json", "withheld.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ServedManifest:
    """The published version of a served model, as its last build left it.

    Attributes:
        model: The model's name.
        relation: Its relation, as text.
        data_version: The version of its rows.
        stamp: The mark of the build in the warehouse.
        built_at: The time of the build.
        run_id: The run of the build, if it had one.
        rows: The number of rows.
        columns: Name and type of each column.
        checks: The results of the checks of the build: name, status, severity and message.
        inputs: The versions of the inputs that were built from, by name.
        file: The name of the Parquet file; None if the rows are read from the database, or are too large.
        bytes: The size of the rows' file; also of one that is too large to be kept.
        replaced: When each older file that still exists was replaced.
    """

    model: str
    relation: str
    data_version: str
    stamp: str
    built_at: datetime
    run_id: str | None
    rows: int | None
    columns: tuple[tuple[str, str], ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    inputs: Mapping[str, str | None] = field(default_factory=dict)
    file: str | None = None
    bytes: int | None = None
    replaced: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_too_large(self) -> bool:
        """Whether the rows are not served because their file would exceed the limit."""
        return self.file is None and self.bytes is not None


@dataclass(frozen=True)
class Withheld:
    """A build after the published version that published nothing: blocked by checks, or failed."""

    status: str
    at: datetime
    run_id: str | None
    checks: tuple[str, ...]
    message: str


def served_folder(root: Path, env: str, model: str) -> Path:
    """Return the folder of a served model.

    >>> served_folder(Path("shop"), "dev", "users").as_posix()
    'shop/.fastflowtransform/served/dev/users'
    """
    return root / FOLDER / quote(env, safe=" ") / quote(model, safe=" ")


def file_name(data_version: str) -> str:
    """Return the name of the file with the rows of a version.

    >>> file_name("digest:1")
    'eb90bb1ee7ccc4352d1e9ac1f1ae44f9.parquet'
    """
    return f"{hashlib.sha256(data_version.encode()).hexdigest()[:32]}.parquet"


def read_manifest(folder: Path) -> ServedManifest | None:
    """Read the manifest of a served model; None if it was never built. Raises ArtifactError."""
    return _read(folder / _MANIFEST)


def read_withheld(folder: Path) -> Withheld | None:
    """Read about the build that published nothing since the published version; None if there is none."""
    try:
        said = json.loads((folder / _WITHHELD).read_text(encoding="utf-8"))
        at = datetime.fromisoformat(said["at"])
        return Withheld(said["status"], at, said["run_id"], tuple(said["checks"]), said["message"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"cannot read {folder / _WITHHELD}: {error}", hint="Delete the file.", code="FFT-710"
        ) from error


def write_withheld(folder: Path, withheld: Withheld) -> None:
    """Write about a build that published nothing."""
    write_json_file(folder / _WITHHELD, {**asdict(withheld), "at": spelled(withheld.at)})


def is_current(folder: Path, stamp: str) -> bool:
    """Return whether the files are those of a build."""
    try:
        manifest = read_manifest(folder)
    except ArtifactError:  # it is written again
        return False
    if manifest is None or manifest.stamp != stamp or (folder / _WITHHELD).exists():
        return False
    return manifest.file is None or (folder / manifest.file).exists()


def number_setting(environment: Mapping[str, str], name: str, default: int) -> int:
    """Read a setting that is a number. Raises FftError."""
    text = environment.get(name, "")
    if not text:
        return default
    if text.isascii() and text.isdigit():
        return int(text)
    raise FftError(f"environment variable {name}: {text!r} is not a whole number", code="FFT-204")


class PendingFiles:
    """The files of one build before it is committed.

    Args:
        folder: The folder of the model.
        manifest: The facts about the build.
        environment: The project's variables, with the settings of served files.
    """

    def __init__(self, folder: Path, manifest: ServedManifest, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._stamp = manifest.stamp
        self._max_bytes = number_setting(environment, MAX_MB, DEFAULT_MAX_MB) * 1_000_000
        self._keep = timedelta(seconds=number_setting(environment, CURSOR_SECONDS, DEFAULT_CURSOR_SECONDS))
        self.manifest = manifest

    @property
    def rows(self) -> Path:
        """The file that the rows are written to."""
        return _pending(self._folder, self._stamp, ".parquet")

    @property
    def has_rows(self) -> bool:
        """Whether the rows of this version are in a file already: equal content needs no second one."""
        return (self._folder / file_name(self.manifest.data_version)).exists()

    def finish_writing(self, *, with_rows: bool) -> None:
        """Note what was written, before the commit. Raises ArtifactError."""
        said = _as_json(self.manifest)
        if with_rows:
            place = self._folder / file_name(self.manifest.data_version)
            size = (self.rows if self.rows.exists() else place).stat().st_size
            if size > self._max_bytes:
                self.rows.unlink(missing_ok=True)
            said |= {"file": place.name if size <= self._max_bytes else None, "bytes": size}
        write_json_file(_pending(self._folder, self._stamp, ".json"), said)

    def publish(self) -> None:
        """Rename the files to their final names, after the commit; after a failure, the next build does."""
        try:
            _publish(self._folder, self._stamp, self._keep)
        except (OSError, ArtifactError) as error:
            _log.warning("%s is built, and its served files are not complete: %s", self.manifest.model, error)

    def drop(self) -> None:
        """Delete what was written for a build that is not committed."""
        for suffix in (".parquet", ".json"):
            with suppress(OSError):
                _pending(self._folder, self._stamp, suffix).unlink(missing_ok=True)


def complete(folder: Path, stamp: str, environment: Mapping[str, str]) -> bool:
    """Rename the files of a committed build to their final names, after a crash; return whether they were complete."""
    if not _pending(folder, stamp, ".json").exists():
        return False
    keep = timedelta(seconds=number_setting(environment, CURSOR_SECONDS, DEFAULT_CURSOR_SECONDS))
    try:
        _publish(folder, stamp, keep)
    except (OSError, ArtifactError):
        return False
    return is_current(folder, stamp)


def _publish(folder: Path, stamp: str, keep: timedelta) -> None:
    pending = _pending(folder, stamp, ".json")
    new = _read(pending)
    if new is None:
        raise ArtifactError(f"{pending} does not exist")
    rows = _pending(folder, stamp, ".parquet")
    if new.file is not None and rows.exists():
        rows.replace(folder / new.file)
    last = _read_or_none(folder / _MANIFEST)
    now = datetime.now(UTC)
    replaced = dict(last.replaced) if last is not None else {}
    if last is not None and last.file is not None:
        replaced[last.file] = now
    expired = {name for name, at in replaced.items() if at + keep + _GRACE < now}
    kept = {name: spelled(at) for name, at in replaced.items() if name != new.file and name not in expired}
    write_json_file(folder / _MANIFEST, {**_as_json(new), "replaced": kept})
    (folder / _WITHHELD).unlink(missing_ok=True)
    _clean(folder, {_MANIFEST, *kept, *([new.file] if new.file else [])})


def _clean(folder: Path, kept: Iterable[str]) -> None:
    """Delete the files of versions that no cursor can name any more, and those of builds that were not committed."""
    names = set(kept)
    for path in folder.iterdir():
        if path.name not in names and (path.suffix in (".parquet", ".json")):
            path.unlink(missing_ok=True)


def _pending(folder: Path, stamp: str, suffix: str) -> Path:
    return folder / f".{stamp}{suffix}"


def _read_or_none(path: Path) -> ServedManifest | None:
    try:
        return _read(path)
    except ArtifactError:
        return None


def _as_json(manifest: ServedManifest) -> dict[str, Any]:
    replaced = {name: spelled(at) for name, at in manifest.replaced.items()}
    said = {**asdict(manifest), "built_at": spelled(manifest.built_at), "replaced": replaced}
    return {"metadata": {"schema": SCHEMA}, **said}


def _read(path: Path) -> ServedManifest | None:
    if not path.exists():
        return None
    part = read_json_file(path, SCHEMA, hint="fft build writes it.")
    replaced = part.part("replaced").value
    return ServedManifest(
        model=part.text("model"),
        relation=part.text("relation"),
        data_version=part.text("data_version"),
        stamp=part.text("stamp"),
        built_at=part.time("built_at"),
        run_id=part.text_or_none("run_id"),
        rows=part.number_or_none("rows"),
        columns=tuple((str(name), str(kind)) for name, kind in part.value.get("columns", ())),
        checks=tuple(part.value.get("checks", ())),
        inputs=dict(part.part("inputs").value),
        file=part.text_or_none("file"),
        bytes=part.number_or_none("bytes"),
        replaced={name: datetime.fromisoformat(at) for name, at in replaced.items()},
    )
