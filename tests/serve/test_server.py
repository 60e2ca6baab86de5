"""The command `fft serve`: a server of its own process, its end, streams that break, and the commands for tokens."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from chromium import CHROMIUM, browser
from serve_process import FFT, serving
from serve_project import SCHEMA, Served, orders

HASHES = " || ".join(f"md5('{salt}' || i)" for salt in "abcdefgh")  # also a compressed file is larger than buffers
WIDE = f"""\
{{{{ config(serve=true) }}}}
select i as id, {HASHES} as text from (select unnest(range(100000)) as i) as numbers
"""


@pytest.fixture
def shop(tmp_path: Path) -> Served:
    found = Served(tmp_path)
    found.write({"models/wide.ff.sql": WIDE})
    found.build()
    return found


def fft(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FFT, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_it_serves_and_ends_with_ctrl_c(shop: Served) -> None:
    with serving(shop) as (server, address):
        answer = httpx.get(f"{address}/models/wide/rows?limit=2&select=id")
        assert answer.json()["rows"] == [{"id": 0}, {"id": 1}]
        assert "server" not in answer.headers
        whole = httpx.get(f"{address}/models/wide/rows.arrow?select=id")
        assert pa.ipc.open_stream(whole.content).read_all().num_rows == 100_000
        assert shop.build() == {"wide": "reuse"}  # the database is free
        server.send_signal(signal.SIGINT)
        assert server.wait(15) in (0, 130, -2)


def test_requests_are_logged_without_their_values(shop: Served) -> None:
    with serving(shop, LOG_LEVEL="info") as (server, address):
        httpx.get(f"{address}/models/wide/rows?id=eq.4711", headers={"Authorization": "Bearer secret-token"})
        httpx.get(f"{address}/models/wide/rows?limit=1&id=lt.4711")
        server.send_signal(signal.SIGINT)
        said = server.communicate(timeout=15)[0]
    assert re.search(r"INFO: +GET /models/\{name\}/rows 401 [0-9.]+ ms", said)
    assert re.search(r"INFO: +GET /models/\{name\}/rows 200 [0-9.]+ ms", said)
    assert "4711" not in said
    assert "secret-token" not in said


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "arrow"])
def test_a_stream_that_is_too_large_breaks(shop: Served, suffix: str) -> None:
    """A client never takes a part for the whole."""
    with (
        serving(shop, FFT_SERVE_STREAM_MB="20") as (_, address),
        pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"),
    ):
        httpx.get(f"{address}/models/wide/rows.{suffix}", timeout=30)


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "arrow", "parquet"])
def test_a_server_that_is_killed_in_mid_stream_sends_no_end(shop: Served, suffix: str) -> None:
    with serving(shop, FFT_SERVE_STREAM_MB="1000") as (server, address):

        def read_all() -> None:
            with httpx.stream("GET", f"{address}/models/wide/rows.{suffix}", timeout=30) as answer:
                for number, _ in enumerate(answer.iter_bytes(4096)):
                    if number == 10:
                        server.kill()

        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            read_all()


def test_without_chunks_an_answer_has_its_length(shop: Served) -> None:
    """The end of a connection is the end of an answer of HTTP/1.0, which proxies may speak."""
    with serving(shop) as (_, address):
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET /models/wide/rows.csv HTTP/1.0\r\nHost: localhost\r\n\r\n")
            head, _, body = b"".join(iter(lambda: connection.recv(1_000_000), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert int(re.findall(rb"content-length: (\d+)", head)[0]) == len(body)
    assert body.count(b"\r\n") == 100_001


def test_a_client_that_leaves_gives_its_place_back(shop: Served) -> None:
    with serving(shop, FFT_SERVE_CONCURRENT="1", FFT_SERVE_WAIT_SECONDS="5") as (_, address):
        for _ in range(3):
            with httpx.stream("GET", f"{address}/models/wide/rows.csv", timeout=30) as answer:
                next(answer.iter_bytes(4096))
        began = time.monotonic()
        assert httpx.get(f"{address}/models/wide/rows?limit=1", timeout=30).status_code == 200
        assert time.monotonic() - began < 5


def test_without_tokens_it_listens_on_this_machine_only(shop: Served) -> None:
    finished = fft("serve", str(shop.root), "--host", "0.0.0.0", "--port", "0")
    assert finished.returncode == 1
    assert "without tokens, fft serve listens on this machine only" in finished.stderr
    assert "fft serve token create" in finished.stderr


def test_a_port_in_use_is_an_error(shop: Served) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finished = fft("serve", str(shop.root), "--port", str(taken.getsockname()[1]))
    assert (finished.returncode, finished.stderr.splitlines()[0].startswith("error: cannot listen on")) == (1, True)


def test_the_commands_for_tokens(shop: Served) -> None:
    root = str(shop.root)
    created = fft("serve", "token", "create", "ann", root, "--scope", "read:model", "--claim", "group=3", "--days", "2")
    assert created.stderr == ""
    token = created.stdout.strip()
    with serving(shop) as (_, address):
        path = f"{address}/models/wide/rows?limit=1"
        headers = {"Authorization": f"Bearer {token}"}
        assert (httpx.get(path).status_code, httpx.get(path, headers=headers).status_code) == (401, 200)
        assert fft("serve", "token", "list", root).stdout.startswith("ann: read:model, until 20")
        again = fft("serve", "token", "create", "ann", root)
        assert (again.returncode, "there is a token 'ann' already" in again.stderr) == (2, True)
        assert fft("serve", "token", "revoke", "ann", root).returncode == 0
        assert httpx.get(path, headers=headers).status_code == 401
    unknown = fft("serve", "token", "create", "bob", root, "--scope", "read:modl")
    assert (unknown.returncode, "Did you mean 'read:model'?" in unknown.stderr) == (2, True)
    assert fft("serve", "token", "revoke", "bob", root).returncode == 2


def test_a_project_without_served_models_says_so(tmp_path: Path) -> None:
    shop = Served(tmp_path)
    shop.write({"models/few.ff.sql": "select 1 as id"})
    with serving(shop) as (server, _):
        assert server.stdout is not None
        assert "no model has serve: true" in server.stdout.readline()


def test_without_the_extra_it_says_what_to_install(shop: Served) -> None:
    """The help does not list it then."""
    code = (
        "import sys, importlib.util as u; found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'uvicorn' else found(name, *a)\n"
        "from fft_cli import main; sys.argv = ['fft', *sys.argv[1:]]; main()"
    )
    run = [sys.executable, "-c", code]
    finished = subprocess.run([*run, "serve", str(shop.root)], capture_output=True, text=True, check=False)
    assert (finished.returncode, 'pip install "fft-dagster[serve]"' in finished.stderr) == (1, True)
    shown = subprocess.run([*run, "--help"], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"^  serve ", shown, re.MULTILINE)
    assert re.search(r"^  serve ", fft("--help").stdout, re.MULTILINE)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_on_a_phone(shop: Served, tmp_path: Path) -> None:
    """The catalog, checks, pages of rows, and a build that is watched; the console has no complaint."""
    shop.write({"models/few.ff.sql": orders(range(60)), "models/schema.yml": SCHEMA.replace("orders", "few")})
    shop.write({"models/wide.ff.sql": wide(40)})
    shop.build()
    with serving(shop) as (_, address), browser(tmp_path / "profile") as tab:
        tab.size(390, 800)
        tab.open(f"{address}/#few")
        tab.wait("document.querySelectorAll('#rows td').length > 50")
        shown = tab.value("document.body.innerText")
        for text in ("few", "unique_id: pass", "fresh", "The number"):
            assert text in shown, shown
        read = tab.value("document.querySelector('#rows').tBodies[0].rows.length")
        assert read == 50
        tab.value("document.querySelector('#next').click()")
        tab.wait(
            "document.querySelector('#rows').tBodies[0].rows.length == 60 && document.querySelector('#next').hidden"
        )
        tab.value("location.hash = '#wide'")
        tab.wait("document.querySelector('#rows').innerText.includes('column_39')")
        assert tab.value("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the phone"
        shop.write({"models/few.ff.sql": orders(range(61))})
        tab.value("document.querySelector('#select').value = 'few'; document.querySelector('#build').requestSubmit()")
        tab.wait("document.querySelector('#events').innerText.includes('built few')")
        tab.wait("document.querySelector('#cancel').hidden")
        tab.value("location.hash = '#few'")
        tab.wait("document.querySelector('#rows').tBodies[0].rows.length == 50")
        tab.value("document.querySelector('#next').click()")
        tab.wait("document.querySelector('#rows').tBodies[0].rows.length == 61")
        tab.value("document.querySelector('#select').value = 'nope'; document.querySelector('#build').requestSubmit()")
        tab.wait("document.querySelector('#message').innerText.includes('nope')")
        assert [said for said in tab.complaints if "400" not in said] == []  # the console names the answer to `nope`


def wide(columns: int) -> str:
    """The text of a served model with many columns."""
    return "{{ config(serve=true) }} select " + ", ".join(f"{n} as column_{n}" for n in range(columns))
