"""Reads statements of GoogleSQL, a JSON list on stdin, and writes the error of each, or null, to stdout."""

import json
import sys

from zetasql.api.parser import Parser
from zetasql.types import LanguageOptions

parser = Parser(LanguageOptions.maximum_features())
errors = list[str | None]()
for statement in json.load(sys.stdin):
    try:
        parser.parse_statement(statement)
    except Exception as error:  # noqa: BLE001
        errors.append(f"{type(error).__name__}: {error}")
    else:
        errors.append(None)
json.dump(errors, sys.stdout)
