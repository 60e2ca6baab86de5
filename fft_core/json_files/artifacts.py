"""JSON files of `.fastflowtransform/target/`: their paths, and reading them with errors that name the key."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from fft_core.errors import ArtifactError

TARGET = Path(".fastflowtransform") / "target"
T = TypeVar("T")


def plain_json(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values as JSON has them; other types, such as dates, as text.

    >>> from datetime import date
    >>> plain_json({"since": date(2024, 1, 1), "by": ["ann"]})
    {'since': '2024-01-01', 'by': ['ann']}
    """
    found: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return found


def artifact_path(root: Path, name: str) -> Path:
    """Return the path of a project's artifact.

    >>> artifact_path(Path("shop"), "manifest.json").as_posix()
    'shop/.fastflowtransform/target/manifest.json'
    """
    return root / TARGET / name


def make_target(root: Path) -> None:
    """Make the folder of a project's artifacts. Raises ArtifactError if files cannot be written there."""
    folder = root / TARGET
    reason = os.strerror(errno.EACCES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        hint = "The results of each run are kept there. If the project is read-only, mount a folder there."
        raise ArtifactError(f"cannot write files into {folder}: {reason}", hint=hint, code="FFT-711")


def read_json_file(path: Path, schema: str, *, hint: str) -> Part:
    """Read an artifact of the expected schema.

    Raises:
        ArtifactError: it does not exist (with the hint), is not JSON, or was written by another version of FFT.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist", hint=hint) from error
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is not a JSON file: {error}", hint=f"Delete it. {hint}") from error
    part = Part(value, path)
    found = part.part("metadata").text("schema")
    if found != schema:
        raise ArtifactError(f"{path} has the schema {found!r}, not {schema!r}", hint=f"Delete it. {hint}")
    return part


@dataclass(frozen=True)
class Part:
    """An object inside an artifact; each method reads the value of a key, and checks its type.

    All raise ArtifactError, which names the place of a value of another type in the file.
    """

    value: Any  # Any: JSON values
    path: Path
    pointer: str = ""

    def part(self, key: str) -> Part:
        """Return the object of a key."""
        return Part(self._get(key, dict), self.path, self._at(key))

    def part_or_none(self, key: str) -> Part | None:
        """Return the object of a key, None for null."""
        return None if self._get(key, dict, type(None)) is None else self.part(key)

    def parts(self, key: str) -> Iterator[Part]:
        """Yield the objects of the list of a key."""
        for index, value in enumerate(self._get(key, list)):
            yield Part(value, self.path, f"{self._at(key)}[{index}]")

    def optional(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of those keys that exist: older files may lack them."""
        return {key: self.value[key] for key in keys if key in self.value}

    def text(self, key: str) -> str:
        """Return the text of a key."""
        return cast("str", self._get(key, str))

    def text_or_none(self, key: str) -> str | None:
        """Return the text of a key, None for null."""
        return cast("str | None", self._get(key, str, type(None)))

    def number(self, key: str) -> int:
        """Return the integer of a key."""
        return cast("int", self._get(key, int))

    def number_or_none(self, key: str) -> int | None:
        """Return the integer of a key, None for null."""
        return cast("int | None", self._get(key, int, type(None)))

    def flag(self, key: str) -> bool:
        """Return the boolean of a key."""
        return cast("bool", self._get(key, bool))

    def choice(self, key: str, choices: tuple[T, ...]) -> T:
        """Return the text of a key, which must be one of the choices."""
        found = self.text(key)
        if found not in choices:
            raise self._error(key, f"is {found!r}, not one of {', '.join(map(str, choices))}")
        return cast("T", found)

    def time(self, key: str) -> datetime:
        """Return the time of a key."""
        found = self.time_or_none(key)
        if found is None:
            raise self._error(key, "is null, not a time")
        return found

    def time_or_none(self, key: str) -> datetime | None:
        """Return the time of a key, None for null."""
        text = self.text_or_none(key)
        try:
            return None if text is None else datetime.fromisoformat(text)
        except ValueError as error:
            raise self._error(key, f"is {text!r}, not a time") from error

    def _get(self, key: str, *kinds: type) -> Any:  # Any: of one of these kinds
        if not isinstance(self.value, dict):
            raise ArtifactError(f"{self.path}: {self.pointer or 'the file'} is not an object", hint="Delete the file.")
        if key not in self.value:
            raise self._error(key, "is missing")
        found = self.value[key]
        if type(found) not in kinds:  # a bool is an int for isinstance
            raise self._error(key, f"is {json.dumps(found, default=str)[:60]}, which has another type")
        return found

    def _at(self, key: str) -> str:
        return f"{self.pointer}.{key}" if self.pointer else key

    def _error(self, key: str, what: str) -> ArtifactError:
        return ArtifactError(f"{self.path}: {self._at(key)} {what}", hint="Delete the file: it is written again.")


def plain(value: Any) -> Any:  # Any: any value of an artifact
    """Return a value with dataclasses as dictionaries and tuples as lists; `asdict` takes five times as long.

    >>> plain((1, {"a": None}))
    [1, {'a': None}]
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__} if is_dataclass(value) else value


def spelled(time: datetime | None) -> str | None:
    """Return a time as text for JSON: ISO 8601, in UTC.

    >>> spelled(datetime(2026, 1, 31, 12, 30, tzinfo=UTC))
    '2026-01-31T12:30:00Z'
    """
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
