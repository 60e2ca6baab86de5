"""A program for a separate process: it imports one project file, and reports the arguments of model decorators.

It reads a request as JSON from its standard input, and writes the answer as JSON to the file that the request names.
Output that the file prints is passed through.
"""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fft_core.errors import FftError, message_of
from fft_core.json_files import replace_file
from fft_core.project.model import Home, SourceName
from fft_core.project.python.code import PythonCode
from fft_core.project.python.observed import Observed
from fft_core.project.read import decorators, python_file
from fft_core.project.read.python_file import POSITIONAL


class _Source(str):
    """The result of `source()` while a file is evaluated: a text that keeps its parts."""

    name: SourceName


def _source(group: str, table: str) -> str:
    text = _Source(f"{group}.{table}")
    text.name = SourceName(group, table)
    return text


class _Recorder:
    """A replacement for the decorators of models, which records their arguments."""

    def __init__(self) -> None:
        self.found: list[dict[str, object]] = []

    def model(self, *arguments: Any, **keywords: Any) -> Any:
        """Record `@model`, with or without arguments, and `@engine_model`."""
        if len(arguments) == 1 and callable(arguments[0]) and not keywords:
            return self._recorded({})(arguments[0])
        return self._recorded({**dict(zip(POSITIONAL, arguments, strict=False)), **keywords})

    def _recorded(self, given: Mapping[str, object]) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            inner = inspect.unwrap(function)
            spelled = {name: spelled_value(value) for name, value in given.items()}
            self.found.append({"function": inner.__name__, "line": inner.__code__.co_firstlineno, "arguments": spelled})
            return function

        return decorate


def spelled_value(value: object) -> object:
    """Return a value in a form that JSON can hold. Raises TypeError for a type without such a form."""
    match value:
        case _Source():
            return {"source": [value.name.group, value.name.table]}
        case SourceName(group=group, table=table):
            return {"source": [group, table]}
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [spelled_value(item) for item in value]
        case set() | frozenset():
            return {"set": [spelled_value(item) for item in sorted(value, key=repr)]}
        case Mapping():
            return {"mapping": [[spelled_value(key), spelled_value(item)] for key, item in value.items()]}
    raise TypeError(f"an argument of the decorator is not a plain value: {type(value).__name__}")


def _evaluated(request: Mapping[str, Any]) -> dict[str, object]:
    recorder = _Recorder()
    for module, name in ((python_file, "model"), (decorators, "engine_model")):
        setattr(module, name, recorder.model)
    python_file.source = _source
    home = Home(Path(request["root"]), Path(request["models"]))
    observed = Observed(home.root)
    code = PythonCode(home, observed.environment(request["environment"]))
    try:
        code.module(Path(request["file"]))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any error of the user's file is reported
        return _failure(error, home.root)
    return {"found": recorder.found, **observed.told()}


def _failure(error: BaseException, root: Path) -> dict[str, object]:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    said = error.problem.message if isinstance(error, FftError) else f"{type(error).__name__}: {message_of(error)}"
    place = [Path(own[-1].filename).relative_to(root).as_posix(), own[-1].lineno] if own else None
    return {"error": said.rstrip(": "), "place": place}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    answer = _evaluated(request)
    replace_file(Path(request["answer"]), json.dumps(answer).encode())
