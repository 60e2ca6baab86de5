"""Shell completion of model names. It must be quick, and returns nothing after an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fft_core.names.text import visible_line

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from fft_core import Model, Project, Seed


def complete_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of models and seeds."""
    project = _project(context)
    return _items(project, _names(project), "", incomplete) if project else []


def complete_models(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a selection: after `+` or `@` and after a space or comma, names; after `tag:`, tags."""
    from fft_core.project.model.selection import split_last_term

    project = _project(context)
    if project is None:
        return []
    before, term = split_last_term(incomplete)
    method, colon, _value = term.partition(":")
    if not colon:
        values = [*_names(project), *(f"{known}:" for known in _METHODS if term)]
    else:
        values = [f"{method}:{value}" for value in _METHODS.get(method, _nothing)(project)]
    return _items(project, values, before, term)


def _project(context: click.Context) -> Project | None:
    """Return the project as it was last loaded, even if files have changed since; load it if it never was."""
    from fft_core import FftError, load_project
    from fft_core.project.read.cache import last_loaded

    # an option without its value ends the parsing: the words before it are left over
    root = Path(next(iter(context.args), None) or context.params.get("root") or ".")
    found = last_loaded(root)
    if found is None and (root / "project.yml").is_file():
        try:
            found = load_project(root)
        except (FftError, OSError):
            return None  # a shell cannot show an error
    return found


def _items(project: Project, values: Iterable[str], before: str, term: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # for a shell that completes only

    return [
        CompletionItem(before + value, help=_described(project, value))
        for value in dict.fromkeys(values)
        if value.startswith(term) and value == visible_line(value)  # others would act on the terminal
    ]


def _described(project: Project, name: str) -> str | None:
    node = project.models.get(name) or project.seeds.get(name)
    return visible_line((node.description or "").strip().partition("\n")[0]) or None if node else None


def _names(project: Project) -> list[str]:
    return sorted([*project.models, *project.seeds])


def _nodes(project: Project) -> list[Model | Seed]:
    return [*project.models.values(), *project.seeds.values()]


def _tags(project: Project) -> list[str]:
    return sorted({tag for node in _nodes(project) for tag in node.tags})


def _folders(project: Project) -> list[str]:
    return sorted({folder.as_posix() for node in _nodes(project) for folder in node.path.parents if folder.name})


def _types(project: Project) -> list[str]:
    return sorted({model.materialization.name for model in project.models.values()})


def _sources(project: Project) -> list[str]:
    return sorted({text for name in project.sources for text in (name.group, str(name))})


def _kinds(project: Project) -> list[str]:
    return sorted({*(model.kind for model in project.models.values()), *(["seed"] if project.seeds else [])})


def _states(_: Project) -> list[str]:
    return ["modified"]


def _results(_: Project) -> list[str]:
    return ["error", "fail", "ok", "warn"]


def _nothing(_: Project) -> list[str]:
    return []


_METHODS: Mapping[str, Callable[[Project], list[str]]] = {
    "tag": _tags,
    "path": _folders,
    "kind": _kinds,
    "type": _types,
    "source": _sources,
    "state": _states,
    "result": _results,
}
