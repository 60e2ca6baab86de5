"""The pages of `fft docgen`: what they show, that text stays text, and that other people's files stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flower_shop import build_shop, load_shop, write_shop

from fft_core import open_warehouse
from fft_core.errors import ArtifactError
from fft_core.reports.catalog import Catalog, read_catalog
from fft_core.reports.site.graph import graph_of
from fft_core.reports.site.pages import render_site
from fft_core.reports.site.site import write_dag, write_docs

VOID = {"meta", "input", "path", "rect", "br"}


class Page(HTMLParser):
    """A page as a browser reads it: text, links, and tags that are closed where they must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "a":
            self.links.append(given["href"] or "")
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "srcset") or (name, tag) == ("href", "link")
        ]
        assert not any(name.startswith("on") for name in given)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["style"], ["script"]):
            self.words.append(data)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_shop(tmp_path_factory.mktemp("shop"))
    build_shop(load_shop(root))
    return root


@pytest.fixture(scope="module")
def site(built: Path) -> Mapping[str, str]:
    return render_site(load_shop(built), catalog_of(built), with_source=True)


def catalog_of(root: Path) -> Catalog:
    with open_warehouse(load_shop(root), read_only=True) as warehouse:
        return read_catalog(warehouse)


def test_there_is_a_page_for_everything(site: Mapping[str, str]) -> None:
    assert set(site) == {
        "index.html", "checks.html", "dag.html", "models/cleaned.html", "models/people.html", "models/counted.html",
        "models/recent.html", "seeds/users.html", "sources/crm.visits.html",
    }  # fmt: skip


def test_all_links_lead_to_pages_and_nothing_is_loaded_from_elsewhere(site: Mapping[str, str]) -> None:
    for name, text in site.items():
        page = Page(text)
        folder = Path(name).parent
        assert page.links
        for link in page.links:
            parts = [part for part in (folder / link).parts if part != "."]
            target = "/".join(parts[2:] if parts[1:2] == [".."] else parts)
            assert target in site, (name, link)
        assert page.loads == []
        assert "url(" not in text.replace("url(#arrow)", "")
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S*", text) == []


def test_a_page_shows_columns_with_types_checks_and_source(site: Mapping[str, str]) -> None:
    page = Page(site["models/people.html"])
    for said in (
        "One row per person", "shop.main.people", "Rows 2", "models/people.ff.sql", "team:core",
        "id BIGINT The key.", "email VARCHAR In lower case; it's \"the\" address.", "undescribed INTEGER",
        "gone not in the database Not in the table.", "not_null_id id is not NULL",
        "Reads cleaned Read by counted , recent",
        "where id < 100 and '<b>' <> '&amp;'",
    ):  # fmt: skip
        assert said in page.text, said
    source = Page(site["sources/crm.visits.html"]).text
    for said in ("Who came when. Filled by the till.", "user_id INTEGER The visitor.", "Reads nothing", "day DATE"):
        assert said in source, said
    assert "How many <people> there are." in Page(site["models/counted.html"]).text
    assert "ephemeral" in Page(site["models/cleaned.html"]).text


def test_what_a_description_says_is_text_everywhere(site: Mapping[str, str]) -> None:
    said = 'names with <script>alert("x")</script> & "quotes" stay text.'
    for name in ("index.html", "models/people.html"):
        page = Page(site[name])
        assert said in page.text
        assert page.tags.count("script") == 1  # our own
        assert "alert(" not in site[name].partition('<script>\n"use strict"')[2]


def test_the_index_finds_nodes_by_columns_tags_and_owners(site: Mapping[str, str]) -> None:
    searched = dict(re.findall(r'data-search="([^"]*)">\s*<a class="name" href="([^"]*)"', site["index.html"]))
    people = next(text for text, href in searched.items() if href == "models/people.html")
    for word in ("people", "undescribed", "nightly", "team:core", "models/people.ff.sql", "lower case"):
        assert word in people
    assert len(searched) == 6


def test_without_a_catalog_columns_are_as_declared_and_no_source_is_shown_unless_asked(built: Path) -> None:
    texts = render_site(load_shop(built), None)
    page = Page(texts["models/people.html"])
    assert "gone Not in the table." in page.text
    assert "not in the database" not in page.text
    assert "INTEGER" not in page.text
    assert "where id < 100" not in page.text


def test_a_relation_that_is_not_there_says_so(tmp_path: Path) -> None:
    root = write_shop(tmp_path)
    page = Page(render_site(load_shop(root), catalog_of(root))["models/people.html"])
    assert "Relation shop.main.people not in the database" in page.text


def test_a_source_may_have_any_name(tmp_path: Path) -> None:
    sources = 'version: 2\nsources: [{name: "../a b", tables: [{name: "Ä/<x>"}, {name: "ä/<x>"}]}]\n'
    root = write_shop(tmp_path, {"sources.yml": sources, "models/recent.ff.sql": "select 1 as id"})
    texts = render_site(load_shop(root), None)
    odd = [name for name in texts if name.startswith("sources/")]
    assert len({name.lower() for name in odd}) == 2
    assert all(re.fullmatch(r"sources/[a-z0-9_.-]+\.html", name) for name in odd)
    assert "../a b.Ä/<x>" in Page(texts[odd[0]]).text


def test_a_project_of_nothing_has_an_index(tmp_path: Path) -> None:
    files = {"project.yml": "name: none\nversion: '1'\n", "profiles.yml": "dev: {engine: duckdb}\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    texts = render_site(load_shop(tmp_path), None)
    assert set(texts) == {"index.html", "checks.html", "dag.html"}
    assert "Nothing is selected" in Page(texts["dag.html"]).text


# --- files ------------------------------------------------------------------------------------------------------------


def test_pages_of_models_that_are_gone_are_taken_away_and_other_files_stay(built: Path, tmp_path: Path) -> None:
    root, out = write_shop(tmp_path / "shop"), tmp_path / "out"
    write_docs(load_shop(root), None, out, with_json=True)
    (out / "models" / "mine.html").write_text("<p>Written by hand.</p>")
    (out / "notes.txt").write_text("mine")
    (root / "models" / "counted.ff.py").unlink()
    write_docs(load_shop(root), None, out, with_json=True)
    assert {path.name for path in (out / "models").iterdir()} == {
        "cleaned.html", "people.html", "recent.html", "mine.html",
    }  # fmt: skip
    assert {path.name for path in out.iterdir()} == {
        "checks.html", "dag.html", "index.html", "manifest.json", "models", "notes.txt", "seeds", "sources",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["index.html", "models/people.html", "manifest.json"])
def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path, name: str) -> None:
    root, out = write_shop(tmp_path / "shop"), tmp_path / "out"
    path = out / name
    path.parent.mkdir(parents=True)
    path.write_text("<html>my site</html>")
    with pytest.raises(ArtifactError, match="was not written by fft docgen"):
        write_docs(load_shop(root), None, out, with_json=True)
    assert path.read_text() == "<html>my site</html>"
    assert [found for found in out.rglob("*") if found.is_file()] == [path]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ArtifactError, match="cannot write"):
        write_docs(load_shop(write_shop(tmp_path / "shop")), None, tmp_path / "out")


def test_the_graph_alone_is_one_page_without_links(built: Path) -> None:
    project = load_shop(built)
    path = write_dag(project, graph_of(project))
    assert path == built / "out" / "dag" / "index.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert page.links == []
    assert page.loads == []
    assert all(name in page.text for name in ("crm.visits", "users", "cleaned", "people", "counted", "recent"))
