"""The files of a site in a folder, in which files of others are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fft_core.errors import ArtifactError
from fft_core.json_files import json_text, write_text_file
from fft_core.project.model import Project
from fft_core.reports.catalog import Catalog, write_catalog
from fft_core.reports.manifest import make_manifest, write_manifest
from fft_core.reports.site.checks import Histories
from fft_core.reports.site.graph import Graph
from fft_core.reports.site.pages import FOLDERS, GENERATOR, NO_HISTORY, render_dag, render_site

_MARK = f'<meta name="generator" content="{GENERATOR}">'
_HEAD = 300  # characters at the start that contain the mark


def write_docs(
    project: Project,
    catalog: Catalog | None,
    folder: Path,
    *,
    with_source: bool = False,
    with_json: bool = False,
    histories: Histories = NO_HISTORY,
) -> None:
    """Write a site about a project, and its manifest and catalog into the project's target folder.

    Args:
        project: A project.
        catalog: The relations in its database; None if unknown.
        folder: The folder of the site; see `write_site`.
        with_source: Whether to show the files of the models.
        with_json: Whether to copy manifest and catalog beside the pages.
        histories: The results of checks in earlier runs, by node and name.

    Raises:
        ArtifactError: a file cannot be written, or was not written by `fft docgen`.
        ProjectError: with every template that fails.
    """
    manifest = make_manifest(project)
    texts = dict(render_site(project, catalog, with_source=with_source, histories=histories))
    if with_json:
        texts["manifest.json"] = json_text(manifest.to_json())
    if with_json and catalog:
        texts["catalog.json"] = json_text(catalog.to_json())
    write_site(folder, texts)
    write_manifest(manifest)
    if catalog:
        write_catalog(catalog)


def write_dag(project: Project, graph: Graph) -> Path:
    """Write a page with a graph into the folder that project.yml names; return its path. Raises ArtifactError."""
    return write_text_file(project.root / project.dag_dir / "index.html", render_dag(project, graph))


def write_site(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files of a site, and remove pages of an earlier one that no longer exist.

    Args:
        folder: The folder, created if it is missing. Only pages that `fft docgen` wrote are replaced or removed.
        texts: The text of each file by its path in the folder.

    Raises:
        ArtifactError: a file cannot be written, or was not written by `fft docgen`.
    """
    is_ours = (folder / "index.html").exists() and not _is_others(folder / "index.html")
    others = [folder / name for name in texts if _is_others(folder / name) and not (is_ours and name.endswith(".json"))]
    if others:
        hint = "Choose another folder with --out, or move the file away."
        raise ArtifactError(f"{others[0]} was not written by fft docgen, and is kept", hint=hint, code="FFT-311")
    for name, text in texts.items():
        write_text_file(folder / name, text)
    old = [path for kind in FOLDERS for path in (folder / kind).glob("*.html")]
    for path in old:
        if path.relative_to(folder).as_posix() not in texts and not _is_others(path):
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise ArtifactError(f"cannot remove {path}: {error.strerror}", code="FFT-711") from error


def _is_others(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _MARK not in file.read(_HEAD)
    except (FileNotFoundError, NotADirectoryError):  # for NotADirectoryError, the error of the write says more
        return False
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}", code="FFT-711") from error
