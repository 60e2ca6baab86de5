"""The cached project after an edit of the SQL in some models: only those files are read, and nothing is linked again.

Used if what the files declare is as it was: their config, their inputs, and the macros and functions that they call.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fft_core.names import SQL_SUFFIX
from fft_core.project.model import Incremental, Model, Project, SourceName, SqlBody
from fft_core.project.read.cache import LastRead
from fft_core.project.read.files import MODELS, ProjectFiles
from fft_core.project.read.template import Template

if TYPE_CHECKING:
    import jinja2

MOST = 50  # edits are read again after each further one: beyond this number, reading the project takes less time


def edited_models(last: LastRead, files: ProjectFiles) -> dict[str, Model] | None:
    """Return the edited models with their new SQL; None if the files have to be linked again.

    Args:
        last: The project as last read, and the digests of its files.
        files: The files as they are now.
    """
    now = files.digests
    if now.keys() != last.digests.keys():
        return None
    paths = [path for path, digest in now.items() if digest != last.digests[path]]
    if len(paths) > MOST or not all(path.parts[0] == MODELS and path.name.endswith(SQL_SUFFIX) for path in paths):
        return None
    from fft_core.project.read.sql_file import new_environment  # with Jinja, for an edit only

    project, jinja = last.project, new_environment()
    by_path = {model.path: model for model in project.models.values() if not model.package}
    edited: dict[str, Model] = {}
    for path in paths:
        model = by_path.get(path) if path not in project.macros else None
        text = _text(files.root / path, now[path])
        new = _edited(model, text, project, jinja) if model is not None and text is not None else None
        if new is None:
            return None
        edited[new.name] = new
    return edited


def _text(path: Path, digest: bytes) -> str | None:
    """Return the text of a file; None if it cannot be decoded, or has changed since the digest was made."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).digest() != digest:
            return None
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()  # newlines as from Path.read_text
    except (OSError, UnicodeDecodeError):
        return None


def _edited(model: Model, text: str, project: Project, jinja: jinja2.Environment) -> Model | None:
    """Return a model with another SQL text; None if the text declares something else than before."""
    body, kind = model.body, model.materialization
    if not isinstance(body, SqlBody) or body.macros or (isinstance(kind, Incremental) and kind.delta_sql is not None):
        return None
    from fft_core.project.read.sql_file import parse_template

    old, new = (parse_template(said, model.path, jinja, project.engine) for said in (body.template, text))
    if old.problems or new.problems or _declared(old) != _declared(new) or _calls_others(new, old, body, project):
        return None
    places = {mention.target: mention.where for mention in reversed(new.mentions)}
    if places.keys() != set(model.inputs):
        return None
    return replace(
        model,
        body=replace(
            body,
            template=new.text,
            variables=new.variables,
            environment=new.environment,
            pieces=new.pieces,
            volatile=tuple(dict.fromkeys(new.volatile)),
        ),
        input_places={target: places[target] for target in model.inputs},
    )


def _declared(template: Template) -> tuple[object, ...]:
    """Return all that a template declares beside its text; values of other types, such as 1 and true, are different."""
    inputs: Mapping[str | SourceName, None] = dict.fromkeys(mention.target for mention in template.mentions)
    return repr(template.config), template.config_line, list(inputs)


def _calls_others(new: Template, old: Template, body: SqlBody, project: Project) -> bool:
    """Return whether a template may call a macro, or calls other functions of macros_py than before.

    The former text called no macro. The name of a macro stands in the text that defines it.
    """
    names = new.calls | new.filters
    added = names - old.calls - old.filters
    may_be_macro = any(name in text for name in added for text in project.macros.values())
    return may_be_macro or names & project.python_macros.keys() != body.python_macros
