"""`fft stream`: followed until it is stopped, alone, and with words about what is wrong."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fft_process import FFT, run_process, start_process
from run_helpers import clean_environment
from targets import Target
from test_stream_models import Shop, click


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield Shop(tmp_path / "shop", profile)


def fft(shop: Shop, *words: str) -> tuple[int, str, str]:
    ended = run_process(FFT, *words, cwd=shop.root, environment=clean_environment())
    return ended.returncode, ended.stdout, ended.stderr


def test_it_is_followed_until_it_is_stopped_and_alone(shop: Shop) -> None:
    shop.click(click(0))
    words = ["stream", "run", "visits", ".", "--interval", "0.05", "--json"]
    process = start_process(str(FFT), *words, cwd=shop.root, environment=clean_environment())
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["events"], first["sessions"], first["rows"]) == (1, 1, 1)
    shop.click(click(10))
    assert json.loads(process.stdout.readline())["events"] == 1
    code, _, errors = fft(shop, "build", ".", "--select", "visits")
    assert code == 1
    assert "is written by fft stream run (pid " in errors
    code, _, errors = fft(shop, "stream", "run", "visits", ".", "--until-caught-up")
    assert (code, "is written by fft stream run (pid " in errors) == (1, True)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    assert "stopping after this batch" in errors
    code, output, _ = fft(shop, "build", ".")
    assert code == 0
    assert shop.rows() == [("a", 1, 2)]


def test_who_is_killed_holds_nothing(shop: Shop) -> None:
    shop.click(click(0))
    words = ["stream", "run", "visits", ".", "--json"]
    process = start_process(str(FFT), *words, cwd=shop.root, environment=clean_environment(), quiet=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait(60)
    shop.click(click(10))
    code, output, errors = fft(shop, "stream", "run", "visits", ".", "--until-caught-up")
    assert (code, errors) == (0, "")
    assert "1 events, 1 sessions" in output


def test_status_reset_and_replay(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")
    assert fft(shop, "stream", "status", ".")[0] == 0
    shop.click(click(0), click(10), {"no": "event"})
    assert fft(shop, "stream", "run", "visits", ".", "--until-caught-up")[0] == 0
    shop.click(click(100))
    code, output, _ = fft(shop, "stream", "status", ".")
    assert code == 0
    assert "visits  2       0     1    2026-05-01 08:10:00  76 bytes, for" in output
    (told,) = json.loads(fft(shop, "stream", "status", ".", "--json")[1])["streams"]
    assert (told["events"], told["dead"], told["backlog"], told["phase"]) == (2, 1, 76, "live")
    assert fft(shop, "stream", "replay", "visits", ".", "--dry-run")[:2] == (0, "visits: the same 1 sessions\n")
    code, output, _ = fft(shop, "stream", "reset", "visits", ".", "--to", "earliest")
    assert (code, output) == (0, "visits is at earliest; fft stream run continues from there\n")
    assert "visits (reading again)" in fft(shop, "stream", "status", ".")[1]
    assert fft(shop, "build", ".")[0] == 0
    assert shop.rows() == [("a", 2, 3)]
    code, output, _ = fft(shop, "stream", "replay", "visits", ".")
    assert (code, "visits was rebuilt: 2 sessions" in output) == (0, True)


def test_what_is_no_stream(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")
    code, _, errors = fft(shop, "stream", "run", "visit", ".")
    assert (code, "'visit' is not a stream [FFT-301]" in errors, "Did you mean 'visits'?" in errors) == (2, True, True)
    code, _, errors = fft(shop, "stream", "replay", "mart", ".")
    assert (code, "model 'mart' is not a stream [FFT-301]" in errors) == (2, True)
    code, _, errors = fft(shop, "stream", "replay", "visits", ".", "--dry-run")
    assert (code, "visits was not built yet [FFT-420]" in errors) == (2, True)
    code, _, errors = fft(shop, "stream", "reset", "visits", ".", "--to", "yesterday")
    assert (code, "--to 'yesterday' is not a position of files" in errors) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("ls", ".", "--select", "kind:stream type:sessions"),
        ("dag", "."),
        ("docgen", "."),
        ("doctor", "."),
        ("ci-check", "."),
        ("show", "visits", "."),
        ("show", "visits", ".", "--config"),
        ("test", "."),
    ],
    ids=lambda words: words[0],
)
def test_commands_that_know_nothing_of_streams(tmp_path: Path, words: tuple[str, ...]) -> None:
    shop = Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")
    shop.click(click(0))
    shop.build()
    ended = run_process(FFT, *words, cwd=shop.root, environment=clean_environment())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "visits" in ended.stdout or words[0] in ("docgen", "doctor", "ci-check", "test")
