"""What hooks and models print stays in lines, whatever else is printed meanwhile."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from fft_core.engines.spec.masking import Masker
from fft_core.run.output_guard import OutputGuard


class _Slow(io.StringIO):
    """A stream between whose writes other threads have their turn."""

    def write(self, text: str) -> int:
        threading.Event().wait(0.001)
        return super().write(text)


def test_a_line_is_printed_whole_though_other_threads_print(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Slow()
    monkeypatch.setattr(sys, "stdout", stream)

    def say(name: str) -> None:
        for number in range(20):
            print("[hook]", name, "says", number)

    with OutputGuard(Masker.of(["hunter2"])):
        threads = [threading.Thread(target=say, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = stream.getvalue().splitlines()
    assert sorted(lines) == sorted(f"[hook] {name} says {number}" for name in "abc" for number in range(20))


def test_a_prompt_is_shown_when_it_is_flushed_and_the_rest_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with OutputGuard(Masker.of(["hunter2"])):
        print("50 %", end="", flush=True)
        assert stream.getvalue() == "50 %"
        print(" of hunt", end="", flush=True)
        assert stream.getvalue() == "50 % of "
        print("er2, ", end="")
        print("and more", end="")
        assert stream.getvalue() == "50 % of "
    assert stream.getvalue() == "50 % of ***, and more"
