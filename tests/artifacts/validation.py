"""Artifacts are validated against the schemas that are shipped."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator


def validate(value: Any, name: str) -> None:  # Any: what was read from a file
    """Raise ValidationError where a value does not follow the schema `name`."""
    text = files("fft_core.reports").joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
