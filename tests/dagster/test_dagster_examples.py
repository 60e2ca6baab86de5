"""Every public name of `fft_dagster` has an example in its docstring that runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from public_examples import SHOP, run_example

import fft_dagster

# What some of the examples need beside the project of the others: a stream, and a source that no seed fills.
FURTHER: Mapping[str, Mapping[str, str]] = {
    "stream_sensor": {
        "models/visits.ff.yml": (
            "kind: stream\nsource: {type: files, path: clicks/*.jsonl}\nsink: sessions\n"
            "key: user_id\nevent_time: ts\ngap: 30 minutes\n"
        )
    },
    "source_checks": {
        "sources.yml": (SHOP["sources.yml"] + "      - {name: payments, columns: [{name: id, tests: [not_null]}]}\n")
    },
}


@pytest.mark.parametrize("name", fft_dagster.__all__)
def test_the_example_of_a_public_name_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_example(fft_dagster, name, tmp_path, monkeypatch, files={**SHOP, **FURTHER.get(name, {})})
