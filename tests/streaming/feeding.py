"""Reads a stream in a process of its own, to be killed: `python feeding.py SETTINGS FOLDER`, batch by batch."""

from __future__ import annotations

import json
import sys

from fft_core.engines.protocol import open_session
from fft_core.streaming import FileTailSource, StreamSessionizer


class Here:
    """What a sessionizer needs of a warehouse."""

    def __init__(self, engine: str, settings: dict[str, object]) -> None:
        self.engine = open_session(engine, settings)


def main() -> None:
    engine, given, folder = sys.argv[1:]
    sessionizer = StreamSessionizer(
        Here(engine, json.loads(given)),
        "sessions",
        key="user_id",
        event_time="ts",
        measures={"revenue": "sum(amount)"},
    )
    source = FileTailSource("*.jsonl", root=folder)
    print("ready", flush=True)
    while True:
        if not sessionizer.process(source, limit=100).given:
            print("done", flush=True)
            return


if __name__ == "__main__":
    main()
