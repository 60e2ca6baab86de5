"""Headless Chromium, driven through the pipe of its debugging protocol."""

from __future__ import annotations

import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_SECONDS = 60.0
# the browser reads commands at file descriptor 3, and writes answers to 4
_WITH_PIPES = 'exec "$0" "$@" 3<&"$FFT_TEST_IN" 4>&"$FFT_TEST_OUT"'


class Tab:
    """A page of a browser.

    Attributes:
        complaints: What the console and the page's scripts said so far.
    """

    def __init__(self, requests: int, answers: int) -> None:
        self.complaints = list[str]()
        self._requests, self._answers, self._buffer = requests, answers, b""
        self._numbers, self._session = itertools.count(1), ""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:  # Any: values of JSON
        """Send a command, and return its result."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._requests, json.dumps(command).encode() + b"\0")
        until = time.monotonic() + _SECONDS
        while True:
            said = self._read(until)
            if said.get("id") == number:
                assert "error" not in said, (method, said)
                result: dict[str, Any] = said["result"]
                return result
            self._note(said)

    def size(self, width: int, height: int) -> None:
        """Make the page as large as a phone's, in CSS pixels."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)

    def open(self, address: str) -> None:
        """Open an address."""
        self.send("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + _SECONDS
        while not self.value(script):
            assert time.monotonic() < until, (script, self.value("document.body && document.body.innerText"))
            time.sleep(0.05)

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            read = os.read(self._answers, 1 << 16)
            assert read, "the browser has ended"
            self._buffer += read
        line, self._buffer = self._buffer.split(b"\0", 1)
        said: dict[str, Any] = json.loads(line)
        return said

    def _note(self, said: dict[str, Any]) -> None:
        match said["method"]:
            case "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["params"]))


@contextmanager
def browser(profile: Path) -> Iterator[Tab]:
    """Start a browser with an empty profile, and end it."""
    (read_request, request), (answer, write_answer) = os.pipe(), os.pipe()
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}",
    ]  # fmt: skip
    process = subprocess.Popen(
        ["bash", "-c", _WITH_PIPES, str(CHROMIUM), *flags],
        pass_fds=(read_request, write_answer),
        env={**os.environ, "FFT_TEST_IN": str(read_request), "FFT_TEST_OUT": str(write_answer)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_request)
    os.close(write_answer)
    try:
        tab = Tab(request, answer)
        yield tab
        tab._session = ""
        tab.send("Browser.close")
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        os.close(request)
        os.close(answer)
