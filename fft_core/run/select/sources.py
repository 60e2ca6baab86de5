"""The sources that a command selects."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from fft_core.errors import RequestError, nearest
from fft_core.project.model import Project, Source
from fft_core.project.model.selection import choose


def select_sources(project: Project, expressions: Sequence[str] = ()) -> tuple[Source, ...]:
    """Select sources: `crm`, `crm.users` or a glob, with or without `source:` in front, or `tag:nightly`.

    A space unites, a comma intersects, and a repeated expression narrows, as for models.

    Raises:
        FftError: a name is not that of a source.
    """
    chosen = choose(project.sources, expressions, (), lambda term: [s.name for s in _matching(project, term)])
    return tuple(source for name, source in project.sources.items() if name in chosen)


def _matching(project: Project, term: str) -> list[Source]:
    method, colon, value = term.partition(":")
    sources = project.sources.values()
    if method == "tag" and colon:
        return [source for source in sources if value in source.tags]
    pattern = value if method == "source" and colon else term
    found = [s for s in sources if s.name.group == pattern or fnmatch.fnmatchcase(str(s.name), pattern)]
    if not found and not any(mark in pattern for mark in "*?["):
        known = {*map(str, project.sources), *(name.group for name in project.sources)}
        raise RequestError(
            f"{term!r} is not a source",
            hint=nearest(pattern, known) or "As in crm, crm.users or tag:crm.",
            code="FFT-301",
        )
    return found
