"""Files that grow: each line once, and only when it is complete, whatever becomes of the file meanwhile."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import examples

from fft_core.errors import StreamError
from fft_core.streaming import FileTailSource, Position
from fft_core.streaming.source import BYTES, ERROR, OFFSET, PARTITION


def line(number: int) -> str:
    return json.dumps({"n": number, "text": f"line {number} of the log, long enough to be known again"}) + "\n"


class Reader:
    """Reads a source as a process does that is started anew each time: all that it has is the position as JSON."""

    def __init__(self, source: Path | str, root: Path, **more: Any) -> None:
        self._source, self._root, self._more = source, root, more
        self._position = "{}"
        self.read: list[Any] = []
        self.errors: list[str] = []

    def poll(self, limit: int = 1000) -> int:
        source = FileTailSource(self._source, root=self._root, **self._more)
        batch, position = source.poll(json.loads(self._position), limit)
        assert json.loads(json.dumps(position)) == position
        self._position = json.dumps(position)
        if "n" in batch.column_names:
            self.read += [n for n in batch.column("n").to_pylist() if n is not None]
        self.errors += [error for error in batch.column(ERROR).to_pylist() if error is not None]
        return batch.num_rows

    @property
    def offsets(self) -> Mapping[str, int]:
        return FileTailSource(self._source, root=self._root).offsets(self.position)

    @property
    def position(self) -> Position:
        found: Position = json.loads(self._position)
        return found


def test_a_line_without_its_newline_waits(tmp_path: Path) -> None:
    log, reader = tmp_path / "a.jsonl", Reader("a.jsonl", tmp_path)
    log.write_text(line(1) + line(2)[:20])
    assert reader.poll() == 1
    assert reader.poll() == 0
    with log.open("a") as file:
        file.write(line(2)[20:])
    assert reader.poll() == 1
    assert reader.read == [1, 2]


def test_a_rotated_file_is_read_to_its_end_first(tmp_path: Path) -> None:
    log, reader = tmp_path / "app.log", Reader("app.log", tmp_path)
    log.write_text(line(1))
    reader.poll()
    with log.open("a") as file:
        file.write(line(2))
    log.rename(tmp_path / "app.log.1")
    log.write_text(line(3))
    reader.poll()
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
    log.rename(tmp_path / "app.log.1")
    log.write_text(line(4))
    reader.poll()
    assert reader.read == [1, 2, 3, 4]


def test_a_writer_that_still_has_the_rotated_file(tmp_path: Path) -> None:
    log, reader = tmp_path / "app.log", Reader("app.log", tmp_path)
    with log.open("w") as writer:
        writer.write(line(1))
        writer.flush()
        reader.poll()
        log.rename(tmp_path / "app.log.1")
        log.write_text(line(3))
        reader.poll()
        writer.write(line(2))
    reader.poll()
    assert sorted(reader.read) == [1, 2, 3]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_copytruncate(tmp_path: Path, pattern: str) -> None:
    log, reader = tmp_path / "app.log", Reader(pattern, tmp_path)
    log.write_text(line(1))
    reader.poll()
    with log.open("a") as file:
        file.write(line(2))
    shutil.copy(log, tmp_path / "app.log.1")
    log.open("w").close()
    with log.open("a") as file:
        file.write(line(3) + line(4) + line(5))  # longer than it was
    reader.poll()
    reader.poll()
    assert reader.read == [1, 2, 3, 4, 5]


def test_new_files_of_a_pattern(tmp_path: Path) -> None:
    reader = Reader("**/*.jsonl", tmp_path)
    (tmp_path / "a.jsonl").write_text(line(1))
    assert reader.poll() == 1
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/b.jsonl").write_text(line(2))
    (tmp_path / "other.txt").write_text(line(9))
    assert reader.poll() == 1
    assert reader.read == [1, 2]


def test_a_limit_is_kept_over_files(tmp_path: Path) -> None:
    reader = Reader("*.jsonl", tmp_path)
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text("".join(line(i) for i in range(3)))
    assert [reader.poll(4), reader.poll(4), reader.poll(4)] == [4, 4, 1]
    assert sorted(reader.read) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_file_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    log, reader = tmp_path / "a.jsonl", Reader("*.jsonl", tmp_path)
    log.write_text(line(1))
    reader.poll()
    log.unlink()
    assert reader.poll() == 0
    assert reader.position == {"files": []}


def test_lines_that_are_no_objects(tmp_path: Path) -> None:
    reader = Reader("a.jsonl", tmp_path)
    broken = [b'{"n": 1}', b"\xff\xfe", b"[1]", b'{"n": NaN}', b'{"n": 1e999999, "a": "\\ud800"}', b""]
    broken += [b'{"n": ' + b"[" * 100_000, b'{"n": 99999999999999999999999}', b'{"": 1}', b'{"_ff_offset": 1}']
    broken += [b'{"n": ' + b"[" * depth + b"]" * depth + b"}" for depth in (200, 960, 3000)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(broken) + b"\n")
    assert reader.poll() == 12
    assert len(reader.errors) == 11
    assert reader.errors.count("its JSON has lists or objects in more than 200 levels") == 4
    assert "it is not UTF-8" in reader.errors


def test_offsets_and_bytes_say_where_a_record_was(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1) + "broken\r\n" + line(2))
    batch, _ = FileTailSource("a.jsonl", root=tmp_path).poll({}, 10)
    text = (tmp_path / "a.jsonl").read_bytes()
    offsets: list[Any] = batch.column(OFFSET).to_pylist()
    raws: list[Any] = batch.column(BYTES).to_pylist()
    for offset, raw in zip(offsets, raws, strict=True):
        assert text[offset : offset + len(raw)] == raw
    assert batch.column(PARTITION)[0].as_py().startswith("#a.jsonl#")


def test_csv_with_and_without_a_line_of_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n,text\n1,"a, b"\n2,\n3\n')
    source = FileTailSource("a.csv", format="csv", root=tmp_path)
    batch, position = source.poll({}, 2)
    assert batch.select(["n", "text"]).to_pylist() == [{"n": "1", "text": "a, b"}, {"n": "2", "text": None}]
    batch, _ = source.poll(position, 2)
    assert batch.column(ERROR).to_pylist() == ["it has 1 values for 2 columns"]
    (tmp_path / "b.csv").write_text("1;x\n")
    batch, _ = FileTailSource("b.csv", format="csv", header=["n", "t"], delimiter=";", root=tmp_path).poll({}, 2)
    assert batch.select(["n", "t"]).to_pylist() == [{"n": "1", "t": "x"}]


def test_a_csv_file_whose_first_line_is_not_one_of_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,1\n2,2\n")
    with pytest.raises(StreamError, match=r"a\.csv: its first line is not one of names: 1, 1"):
        FileTailSource("a.csv", format="csv", root=tmp_path).poll({}, 2)


def test_backlog_and_end(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1) + line(2) + "half")
    source = FileTailSource("a.jsonl", root=tmp_path)
    assert source.backlog({}).size == len(line(1)) + len(line(2)) + 4
    end = source.end()
    assert source.poll(end, 10)[0].num_rows == 0
    assert source.backlog(end).size == 4
    assert source.backlog(end).oldest is not None


def test_what_is_no_position(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="this is not a position of files"):
        FileTailSource("a.jsonl", root=tmp_path).poll({"files": [{"name": 1}]}, 1)
    with pytest.raises(StreamError, match="this is not a position of files"):
        FileTailSource("a.jsonl", root=tmp_path).poll({"filez": []}, 1)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(StreamError, match="unknown format 'json'") as raised:
        FileTailSource("a.jsonl", format="json")  # type: ignore[arg-type]
    assert raised.value.problem.hint == "Formats of files are jsonl, csv."


@settings(max_examples=examples(40, 1000))
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from("wwwhrtpp"), max_size=40))
def test_whatever_becomes_of_a_log_each_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, random: random.Random, acts: list[str]
) -> None:
    """Writes (whole and half lines), rotates, copies and truncates; reads between."""
    folder = tmp_path_factory.mktemp("logs")
    log, reader = folder / "app.log", Reader("app.log", folder)
    log.touch()
    reader.poll()
    number, rotated, half, waits, is_known = 0, 0, "", False, True
    for act in [*acts, "w", "p"]:
        if act in "wh":
            text = half or line(number)
            number += not half
            cut = len(text) // 2 if act == "h" and not half else len(text)
            with log.open("a") as file:
                file.write(text[:cut])
            half = text[cut:]
            waits = True
        elif act == "p":
            reader.poll(random.choice([1, 3, 1000]))
            while reader.poll():
                pass
            waits, is_known = False, True
        elif act == "r" and not half and is_known:  # of one that came and went between two looks nothing is known
            rotated, is_known = rotated + 1, False
            log.rename(folder / f"old.{rotated}")
            log.touch()
        elif act == "t" and not half and not waits:  # what was not read when a file is truncated is in its copy
            rotated += 1
            shutil.copy(log, folder / f"old.{rotated}")
            log.open("w").close()
    assert sorted(reader.read) == list(range(number - bool(half)))


def test_a_folder_whose_name_is_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "shop[1]"
    folder.mkdir()
    (folder / "a.jsonl").write_text(line(1))
    assert Reader("*.jsonl", folder).poll() == 1
    assert Reader(str(tmp_path / "shop[[]1]" / "*.jsonl"), folder).poll() == 1


def test_a_name_of_a_csv_column_may_have_the_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"n","first, last"\n1,x\n')
    batch, _ = FileTailSource("*.csv", root=tmp_path, format="csv").poll({}, 10)
    assert (batch.column("n").to_pylist(), batch.column("first, last").to_pylist()) == (["1"], ["x"])


def test_a_copied_and_truncated_file_keeps_the_name_of_its_partition(tmp_path: Path) -> None:
    log, reader = tmp_path / "a.jsonl", Reader("a.jsonl", tmp_path)
    log.write_text(line(1))
    reader.poll()
    (before,) = reader.offsets
    for number in (2, 3):
        shutil.copyfile(log, tmp_path / f"a.jsonl.{number}")
        log.write_text(line(number))
        reader.poll()
    assert reader.read == [1, 2, 3]
    assert before in reader.offsets
    assert len(reader.offsets) == 3


def test_a_folder_that_is_gone_for_a_while(tmp_path: Path) -> None:
    folder, reader = tmp_path / "logs", Reader("logs/*/*.jsonl", tmp_path)
    for day in ("1", "2"):
        (folder / day).mkdir(parents=True)
        (folder / day / "a.jsonl").write_text(line(int(day)))
    reader.poll()
    shutil.rmtree(folder / "1")  # old days may be removed
    reader.poll()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StreamError, match=r"the folder .*logs is gone, with 1 files that were read"):
        reader.poll()
    (tmp_path / "elsewhere").rename(folder)
    reader.poll()
    assert sorted(reader.read) == [1, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": []}, "needs a path"),
        ({"path": ""}, "needs a path"),
        ({"path": "a", "format": "csv", "delimiter": "\n"}, "delimiter: "),
        ({"path": "a", "format": "csv", "header": ["a", "A"]}, "header: 'A' occurs twice"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], said: str) -> None:
    with pytest.raises(StreamError, match=said):
        FileTailSource(**options)
