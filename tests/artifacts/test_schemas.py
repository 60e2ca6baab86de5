"""The schemas are shipped, and the examples of the documentation follow them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import ValidationError
from validation import validate

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "artifacts.md"
EXAMPLES = {
    match.group(1): json.loads(match.group(2))
    for match in re.finditer(r"^## (\w+)\.json\n+```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
}


@pytest.mark.parametrize("name", ["manifest", "catalog", "run_results"])
def test_the_documented_example_follows_the_schema(name: str) -> None:
    validate(EXAMPLES[name], name)
    assert EXAMPLES[name]["metadata"]["schema"] == f"fft.{name}/1"


@pytest.mark.parametrize("name", ["manifest", "catalog", "run_results"])
def test_a_key_that_is_not_described_does_not_follow_it(name: str) -> None:
    with pytest.raises(ValidationError):
        validate({**EXAMPLES[name], "more": 1}, name)
    with pytest.raises(ValidationError):
        validate({key: value for key, value in EXAMPLES[name].items() if key != "metadata"}, name)
