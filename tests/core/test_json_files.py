"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fft_core.errors import ArtifactError
from fft_core.json_files import replace_file, write_json_file, write_text_file


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(("forbidden", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_says_who_may_read_it(tmp_path: Path, umask: None, forbidden: int, mode: int) -> None:
    os.umask(forbidden)
    path = write_json_file(tmp_path / "new" / "a.json", {"a": "é"})
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == '{\n  "a": "é"\n}\n'.encode()
    replace_file(path, b"own", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_end_as_written(tmp_path: Path) -> None:
    assert write_text_file(tmp_path / "a.txt", "a\nb\r\n").read_bytes() == b"a\nb\r\n"


def test_a_reader_sees_one_text_or_the_other(tmp_path: Path) -> None:
    path = write_json_file(tmp_path / "a.json", {"a": "0" * 200_000})
    ended = threading.Event()

    def write() -> None:
        try:
            for number in range(200):
                write_json_file(path, {"a": str(number % 10) * 200_000})
        finally:
            ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not ended.is_set():
        assert len(set(json.loads(path.read_text())["a"])) == 1
    writer.join()
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_text_file(tmp_path / "a.txt", "old")
    with pytest.raises(ArtifactError, match=r"cannot write .*a\.txt: .*surrogates not allowed"):
        write_text_file(path, "\ud800")
    assert path.read_text() == "old"
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArtifactError, match=r"cannot write .*folder: Is a directory"):
        write_text_file(tmp_path / "folder", "new")
    with pytest.raises(ArtifactError, match=r"cannot write .*b\.txt: Not a directory: .*a\.txt"):
        write_text_file(path / "inner" / "b.txt", "new")
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "folder"]
