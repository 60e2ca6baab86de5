"""Readers and builds at once: rows that are swapped under walks, and many readers of one server."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from api import client, walk
from serve_process import serving
from serve_project import SCHEMA, Served, orders
from sweeps import examples

ROWS, NUMBER = "/models/orders/rows", 40
Get = Callable[[dict[str, str]], Any]


class Walks:
    """Walks over the rows of `orders`, and what became of each: whole, gone, or wrong."""

    def __init__(self, get: Get, limit: int = 9) -> None:
        self._get, self._limit = get, limit
        self.counts, self.wrong = Counter[str](), list[object]()

    def until(self, done: threading.Event) -> None:
        while not done.is_set():
            self.counts[self.one()] += 1

    def one(self) -> str:
        found, cursor, version = list[int](), "", None
        while True:
            answer = self._get({"limit": str(self._limit), **({"cursor": cursor} if cursor else {})})
            page = answer.json()
            if answer.status_code == 503 and page["code"] == "busy":
                assert int(answer.headers["retry-after"]) > 0
                self.counts["busy"] += 1
                continue
            if answer.status_code == 410 and cursor and page["code"] == "version_gone":
                return "gone"
            if answer.status_code != 200 or (version is not None and page["data_version"] != version):
                self.wrong.append(page)
                return "wrong"
            version, cursor = page["data_version"], page["next"]
            found += [row["id"] for row in page["rows"]]
            if cursor is None:
                is_whole = found == list(range(found[0], found[0] + NUMBER))
                self.wrong += [] if is_whole else [found]
                return "whole" if is_whole else "wrong"


def swap(place: Served, number: int) -> None:
    place.write({"models/orders.ff.sql": orders(range(number * 1000, number * 1000 + NUMBER))})
    assert place.build() == {"orders": "build"}


def test_each_walk_is_of_one_version_while_it_is_swapped(served_place: Served) -> None:
    """A walk has all rows of one build, or ends with a 410; no answer is an error of the server."""
    served_place.write({"models/orders.ff.sql": orders(range(NUMBER)), "models/schema.yml": SCHEMA})
    served_place.build()
    api = client(served_place, {"FFT_SERVE_CONCURRENT": "16"})
    walks, done = Walks(lambda parameters: api.get(ROWS, params=parameters)), threading.Event()
    readers = [threading.Thread(target=walks.until, args=(done,)) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, examples(5, 1000) + 1):
            first = api.get(ROWS, params={"limit": "20"}).json()
            swap(served_place, number)
            second = api.get(ROWS, params={"limit": "20", "cursor": first["next"]})
            if served_place.engine == "duckdb":  # the files of a version stay for those who read them
                assert second.json()["data_version"] == first["data_version"]
            else:
                assert (second.status_code, second.json()["code"]) == (410, "version_gone")
            before = walks.counts.total()
            wait_for(walks, before + 1)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert walks.wrong == []
    assert walks.counts["whole"] > 0
    if served_place.engine == "duckdb":
        assert walks.counts["gone"] == 0
    assert len(walk(api, ROWS, {"limit": "7"})) == NUMBER


def test_64_readers_while_models_are_built(served_place: Served) -> None:
    """Readers of a server get whole walks, and no build fails or waits for a reader to leave."""
    served_place.write({"models/orders.ff.sql": orders(range(NUMBER)), "models/schema.yml": SCHEMA})
    served_place.build()
    done, walks = threading.Event(), list[Walks]()
    with serving(served_place, FFT_SERVE_WAIT_SECONDS="30") as (_, address), httpx.Client(timeout=120) as http:
        http.get(f"{address}/health/ready").raise_for_status()
        readers = []
        for _ in range(64):
            walks.append(Walks(lambda parameters: http.get(address + ROWS, params=parameters), limit=20))
            readers.append(threading.Thread(target=walks[-1].until, args=(done,)))
            readers[-1].start()
        try:
            for number in range(1, examples(6, 100) + 1):
                swap(served_place, number)
        finally:
            done.set()
            for reader in readers:
                reader.join()
        last = http.get(address + ROWS, params={"limit": "1"}).json()["rows"]
    assert [wrong for one in walks for wrong in one.wrong] == []
    total = sum((one.counts for one in walks), Counter[str]())
    assert total["whole"] > 0
    assert last[0]["id"] == number * 1000
    if served_place.engine == "duckdb":
        assert total["gone"] == 0


def wait_for(walks: Walks, number: int) -> None:
    deadline = time.monotonic() + 60
    while walks.counts.total() <= number and not walks.wrong:
        assert time.monotonic() < deadline
        time.sleep(0.01)
