"""get_json and get_df against a server of this machine: cache, offline, retries, rate, domains, secrets."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st
from web import Web, web

from fft_core.errors import ModelError, ModelRaisedError
from fft_core.http.api import HttpApi
from fft_core.http.settings import HttpSettings
from fft_core.http.stats import collecting
from fft_core.http.storage import key_of, shown_url

USERS = [{"id": 1, "name": "ann", "at": {"city": "Wien"}}, {"id": 2, "name": "bob", "at": {"city": "Linz"}}]


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as served, stamina.set_testing(True, attempts=4, cap=True):
        served.says("/users", USERS)
        yield served


def api(folder: Path, **variables: str) -> HttpApi:
    return HttpApi({f"FF_HTTP_{name}": value for name, value in variables.items()}, folder)


def test_json_is_read_once_and_then_from_the_cache(tmp_path: Path, site: Web) -> None:
    with collecting() as first:
        assert api(tmp_path).get_json(f"{site.url}/users", params={"page": 1}) == USERS
    with collecting() as second:
        assert api(tmp_path).get_json(f"{site.url}/users?page=1") == USERS  # the same address
    assert site.asked == ["/users?page=1"]
    assert first.as_json() == {"requests": 1, "cache_hits": 0, "bytes": second.bytes, "used_offline": False}
    assert second.as_json() == {"requests": 1, "cache_hits": 1, "bytes": second.bytes, "used_offline": False}
    assert second.bytes > 0


@pytest.mark.parametrize(
    "other", [{"params": {"page": 2}}, {"headers": {"accept": "text/plain"}}, {"headers": {"x-key": "b"}}]
)
def test_another_request_has_another_answer(tmp_path: Path, site: Web, other: Mapping[str, Any]) -> None:
    one: dict[str, Any] = {"params": {"page": 1}, "headers": {"x-key": "a"}}
    web_api = api(tmp_path)
    web_api.get_json(f"{site.url}/users", **one)
    web_api.get_json(f"{site.url}/users", **{**one, **other})
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("mode", "requests"), [("off", 4), ("ro", 3), ("rw", 1)]
)  # after one that is kept: two of another address, one of the same
def test_modes_of_the_cache(tmp_path: Path, site: Web, mode: str, requests: int) -> None:
    site.says("/other", 1)
    if mode != "rw":
        api(tmp_path).get_json(f"{site.url}/users")
    again = api(tmp_path, CACHE=mode)
    again.get_json(f"{site.url}/users")
    if mode == "rw":
        again.get_json(f"{site.url}/users")
    else:
        again.get_json(f"{site.url}/other")
        again.get_json(f"{site.url}/other")
    assert len(site.asked) == requests


def test_what_is_too_old_is_asked_for_again(tmp_path: Path, site: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web_api = api(tmp_path, CACHE_TTL="60")
    web_api.get_json(f"{site.url}/users")
    now = time.time()
    monkeypatch.setattr("fft_core.http.storage.time.time", lambda: now + 59)
    web_api.get_json(f"{site.url}/users")
    assert len(site.asked) == 1
    web_api.get_json(f"{site.url}/users", ttl=10)
    assert len(site.asked) == 2
    monkeypatch.setattr("fft_core.http.storage.time.time", lambda: now + 1000)
    web_api.get_json(f"{site.url}/users", offline=True)  # there is nothing else
    assert len(site.asked) == 2
    web_api.get_json(f"{site.url}/users")
    assert len(site.asked) == 3


def test_offline_there_is_only_the_cache(tmp_path: Path, site: Web) -> None:
    site.says("/moved", None, 302, location="/users")
    api(tmp_path).get_json(f"{site.url}/moved")
    offline = api(tmp_path, OFFLINE="1")
    with collecting() as stats:
        assert offline.get_json(f"{site.url}/moved") == USERS
    assert stats.as_json() == {"requests": 1, "cache_hits": 1, "bytes": stats.bytes, "used_offline": True}
    with pytest.raises(
        ModelError, match=r"offline, and not in the cache: http://127.0.0.1:\d+/users\?api_key=\*\*\* \[FFT-415\]\n"
    ):
        offline.get_json(f"{site.url}/users", params={"api_key": "5ecret"})
    with pytest.raises(ModelError, match="offline, and not in the cache"):
        api(tmp_path, OFFLINE="true", CACHE="off").get_json(f"{site.url}/moved")


def test_pages_follow_each_other(tmp_path: Path, site: Web) -> None:
    site.answers["/pages"] = lambda params: (200, {}, {"data": {"rows": [{"n": int(params.get("page", 1))}]}, "of": 3})

    def paginator(url: str, params: Mapping[str, Any] | None, page: Any) -> Mapping[str, Any] | None:
        number = page["data"]["rows"][0]["n"]
        return {"next_request": {"params": {"page": number + 1}}} if number < page["of"] else None

    web_api = api(tmp_path)
    frame = web_api.get_df(url=f"{site.url}/pages", paginator=paginator, record_path="data.rows")
    assert frame["n"].tolist() == [1, 2, 3]
    assert frame.index.tolist() == [0, 1, 2]
    assert site.asked == ["/pages", "/pages?page=2", "/pages?page=3"]
    assert [page["of"] for page in web_api.get_json(f"{site.url}/pages", paginator=paginator)] == [3, 3, 3]


def test_frames(tmp_path: Path, site: Web) -> None:
    web_api = api(tmp_path)
    normal = web_api.get_df(url=f"{site.url}/users", record_path=None, normalize=True)
    assert list(normal.columns) == ["id", "name", "at.city"]
    assert list(web_api.get_df(url=f"{site.url}/users", normalize=False).columns) == ["id", "name", "at"]
    site.says("/one", {"id": 1})
    assert web_api.get_df(f"{site.url}/one", output="pandas").to_dict("records") == [{"id": 1}]

    class Session:
        def createDataFrame(self, frame: pd.DataFrame) -> list[int]:
            return list(frame["id"])

    assert web_api.get_df(f"{site.url}/users", output="theirs", session=Session()) == [1, 2]
    with pytest.raises(ModelError, match="output='theirs' needs a session, and None makes no frame"):
        web_api.get_df(f"{site.url}/users", output="theirs")


def test_what_may_be_better_later_is_tried_again(tmp_path: Path, site: Web) -> None:
    site.says_in_turn("/weak", (503, {}, {}), (429, {"retry-after": "0"}, {}), (200, {}, [1]))
    assert api(tmp_path).get_json(f"{site.url}/weak") == [1]
    assert len(site.asked) == 3
    site.says("/down", {}, 503)
    with pytest.raises(ModelRaisedError, match="/down returned 503 Service Unavailable"):
        api(tmp_path, MAX_RETRIES="1").get_json(f"{site.url}/down")
    assert len(site.asked) == 5
    with pytest.raises(
        ModelRaisedError,
        match=(r"cannot be read: ConnectError \[FFT-\d+\]\n    hint: Check the address"),
    ):
        api(tmp_path, MAX_RETRIES="0").get_json("http://127.0.0.1:9/x")


def test_what_will_not_be_better_is_an_error_at_once(tmp_path: Path, site: Web) -> None:
    with pytest.raises(ModelError, match="/gone returned 404 Not Found") as caught:
        api(tmp_path).get_json(f"{site.url}/gone")
    assert not caught.value.can_retry
    assert len(site.asked) == 1
    assert not list(tmp_path.rglob("*.bin"))
    site.says("/page", b"<html>", content_type="text/html")
    with pytest.raises(ModelError, match="/page returned text/html"):
        api(tmp_path).get_json(f"{site.url}/page")


def test_the_rate_is_kept(tmp_path: Path, site: Web) -> None:
    web_api = api(tmp_path, RATE_LIMIT_RPS="20", CACHE="off")
    begin = time.monotonic()
    for _ in range(5):
        web_api.get_json(f"{site.url}/users")
    assert time.monotonic() - begin >= 4 / 20


@pytest.mark.parametrize("allowed", ["example.com", "127.0.0.1:1, localhost"])
def test_other_hosts_are_not_asked(tmp_path: Path, site: Web, allowed: str) -> None:
    with pytest.raises(ModelError, match=r"the host '127\.0\.0\.1' is not one of the allowed domains"):
        api(tmp_path, ALLOWED_DOMAINS=allowed).get_df(url=f"{site.url}/users")
    assert site.asked == []


def test_a_host_that_is_not_allowed_is_not_reached_by_a_redirect_or_a_page(tmp_path: Path, site: Web) -> None:
    with web() as other:
        other.says("/users", USERS)
        site.says("/moved", None, 302, location=f"{other.url}/users")
        web_api = api(tmp_path, ALLOWED_DOMAINS=site.url.removeprefix("http://"))
        with pytest.raises(ModelError, match="is not one of the allowed domains"):
            web_api.get_json(f"{site.url}/moved")
        following = {"next_request": {"url": f"{other.url}/users"}}
        with pytest.raises(ModelError, match="is not one of the allowed domains"):
            web_api.get_json(f"{site.url}/users", paginator=lambda *_: following)
        api(tmp_path).get_json(f"{other.url}/users")  # kept, but not given to those who may not ask
        with pytest.raises(ModelError, match="is not one of the allowed domains"):
            web_api.get_json(f"{other.url}/users")
        assert len(other.asked) == 1


def test_no_secret_is_written(tmp_path: Path, site: Web) -> None:
    url = site.url.replace("://", "://me:pass5ecret@") + "/users?api_key=query5ecret&page=1"
    headers = {"Authorization": "Bearer header5ecret", "X-Api-Key": "other5ecret"}
    api(tmp_path).get_json(url, headers=headers)
    assert site.headers[0]["x-api-key"] == "other5ecret"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in written} == {".json", ".bin"}
    assert not [path for path in written if b"5ecret" in path.read_bytes() or "5ecret" in str(path)]
    api(tmp_path).get_json(url, headers={**headers, "Authorization": "Bearer else"})
    assert len(site.asked) == 2, "what one is told is not told to another"


def test_no_secret_is_logged(tmp_path: Path, site: Web, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site.says("/down", {}, 503)
    with pytest.raises(ModelRaisedError) as caught:
        api(tmp_path).get_json(f"{site.url}/down?api_key=query5ecret")
    said = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert any("/down?api_key=***" in text for text in said)
    assert not [text for text in (*said, str(caught.value), repr(caught.value.__cause__)) if "5ecret" in text]


def test_a_compressed_answer_is_kept_as_it_is_read(tmp_path: Path, site: Web) -> None:
    site.says("/packed", USERS, content_encoding="gzip")
    for _ in range(2):
        assert api(tmp_path).get_json(f"{site.url}/packed") == USERS
    assert len(site.asked) == 1


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}"])
def test_a_damaged_cache_is_no_answer(tmp_path: Path, site: Web, damage: bytes) -> None:
    web_api = api(tmp_path, CACHE_DIR="kept")
    for suffix in (".bin", ".json"):
        web_api.get_json(f"{site.url}/users")
        (path,) = (tmp_path / "kept").glob(f"*{suffix}")
        path.write_bytes(damage)
        assert web_api.get_json(f"{site.url}/users") == USERS
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TIMEOUT", "soon", "FF_HTTP_TIMEOUT: 'soon' is not a number"),
        ("MAX_RETRIES", "-1", "FF_HTTP_MAX_RETRIES: '-1' is not a number"),
        ("MAX_RETRIES", "inf", "FF_HTTP_MAX_RETRIES: 'inf' is not a number"),
        ("TIMEOUT", "1e999", "FF_HTTP_TIMEOUT: '1e999' is not a number"),
        ("OFFLINE", "perhaps", "FF_HTTP_OFFLINE: 'perhaps' is neither true nor false [FFT-415]"),
        ("CACHE", "wr", "FF_HTTP_CACHE: 'wr' is not a cache mode [FFT-415]"),
    ],
)
def test_a_wrong_variable_is_an_error(tmp_path: Path, variable: str, value: str, said: str) -> None:
    with pytest.raises(ModelError, match=re.escape(said)):
        api(tmp_path, **{variable: value}).get_json("http://127.0.0.1:9/x")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a, url: a.get_json("ftp://x/y"), "'ftp://x/y' is not an HTTP address [FFT-415]"),
        (lambda a, url: a.get_json(f"{url}/users", retry=1), "unknown argument 'retry' [FFT-415]"),
        (lambda a, url: a.get_df(f"{url}/users", record_path="data"), r"the JSON has no 'data'"),
        (lambda a, url: a.get_json(f"{url}/users", paginator=lambda *_: {"params": {}}), "the paginator returned"),
        (
            lambda a, url: a.get_json(f"{url}/users", paginator=lambda *_: {"next_request": {}}),
            "the paginator asks for a page that was already read [FFT-415]",
        ),
    ],
)
def test_a_wrong_call_is_an_error(tmp_path: Path, site: Web, call: Any, said: str) -> None:
    with pytest.raises(ModelError, match=re.escape(said)):
        call(api(tmp_path), site.url)


HOSTS = st.from_regex(r"[a-z]{1,6}(\.[a-z]{1,6}){0,2}", fullmatch=True)


@given(HOSTS, HOSTS)
def test_a_domain_allows_itself_and_what_is_below_it(domain: str, host: str) -> None:
    settings = HttpSettings(Path(), domains=(domain,))
    assert settings.allows(domain)
    assert settings.allows(f"{host}.{domain}")
    assert settings.allows(host) == (host == domain or host.endswith(f".{domain}"))
    assert not settings.allows(f"x{domain}")


@given(st.dictionaries(st.sampled_from(["a", "b", "page"]), st.text(max_size=4)))
def test_a_key_does_not_depend_on_the_order_of_parameters(params: dict[str, str]) -> None:
    from urllib.parse import urlencode

    there, back = (urlencode(list(pairs)) for pairs in (params.items(), reversed(params.items())))
    assert key_of("GET", f"http://x/y?{there}", [], b"") == key_of("GET", f"http://x/y?{back}", [], b"")


@given(st.text(st.characters(categories=["L", "N"]), min_size=6))
def test_no_password_is_shown(password: str) -> None:
    shown = shown_url(f"https://user:{password}QZ@example.com/a?token={password}QZ&b=1")
    assert "QZ" not in shown


def test_without_its_packages_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "from pathlib import Path\nfrom fft_core.http.api import HttpApi\n"
        "HttpApi({}, Path('.')).get_json('http://x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert "get_json and get_df need the package 'httpx' [FFT-211]" in done.stderr
    assert "fft-dagster[http]" in done.stderr


def test_requests_of_threads_count_for_the_only_model_that_collects(tmp_path: Path, site: Web) -> None:
    web_api = api(tmp_path)
    with collecting() as stats, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda page: web_api.get_json(f"{site.url}/users?page={page}"), range(4)))
    assert stats.requests == 4
    with collecting() as one, ThreadPoolExecutor(1) as pool:
        of_one = copy_context()
        with collecting() as other:  # the owner of a thread without a context is unknown now
            pool.submit(web_api.get_json, f"{site.url}/users?page=9").result()
            pool.submit(of_one.run, web_api.get_json, f"{site.url}/users?page=10").result()
    assert (one.requests, other.requests) == (1, 0)
