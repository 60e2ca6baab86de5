"""The pages in a browser: the search, the graph, a phone's width, dark colours, and no complaint in the console."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from chromium import CHROMIUM
from flower_shop import build_shop, load_shop, write_shop

from fft_core import open_warehouse
from fft_core.reports.catalog import read_catalog
from fft_core.reports.site.graph import graph_of
from fft_core.reports.site.site import write_dag, write_docs

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the built shop, and its graph alone."""
    project = load_shop(write_shop(tmp_path_factory.mktemp("shop")))
    build_shop(project)
    with open_warehouse(project, read_only=True) as warehouse:
        write_docs(project, read_catalog(warehouse), project.root / "docs", with_source=True)
    write_dag(project, graph_of(project))
    return project.root


def seen(page: Path, script: str, *, width: int = 1200, dark: bool = False) -> str:
    """Open a page, run a script at its end, and give what the script leaves in `said`."""
    text = page.read_text(encoding="utf-8")
    reports = f"<script>(() => {{ let said = ''; {script}; document.title = 'said: ' + said; }})()</script></body>"
    tried = page.with_name("tried.html")
    tried.write_text(text.replace("</body>", reports), encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
        f"--user-data-dir={page.parent / 'profile'}", f"--window-size={width},800", "--dump-dom",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", tried.as_uri(),
    ]  # fmt: skip
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "CONSOLE" not in finished.stderr, finished.stderr
    match = re.search(r"<title>said: (.*?)</title>", finished.stdout, re.DOTALL)
    assert match, finished.stdout[:2000]
    return match.group(1)


VISIBLE = "said = [...document.querySelectorAll('[data-search]')].filter(e => e.offsetParent).map(e => e.querySelector('a').textContent).join(' ')"  # noqa: E501


def search(words: str) -> str:
    return f"const box = document.querySelector('[type=search]'); box.value = '{words}'; box.dispatchEvent(new Event('input')); {VISIBLE}"  # noqa: E501


def test_the_search_leaves_what_has_all_words(site: Path) -> None:
    index = site / "docs" / "index.html"
    assert seen(index, VISIBLE) == "cleaned counted people recent users crm.visits"
    assert seen(index, search("NIGHTLY undescribed")) == "people"
    nothing = search("nowhere") + "; said += getComputedStyle(document.getElementById('none')).display"
    assert seen(index, nothing) == "block"


def test_pointing_at_a_node_dims_what_has_nothing_to_do_with_it(site: Path) -> None:
    script = """
        document.querySelector('[data-node=counted]').dispatchEvent(new Event('mouseenter'));
        said = [...document.querySelectorAll('[data-node].dim')].map(e => e.dataset.node).join(' ') + '; '
             + [...document.querySelectorAll('path.lit')].map(e => e.dataset.start).join(' ')"""
    for page in (site / "docs" / "dag.html", site / "out" / "dag" / "index.html"):
        assert seen(page, script) == "crm.visits recent; users cleaned people"


def test_pages_fit_a_phone_and_follow_its_dark_colours(site: Path) -> None:
    script = """
        const page = document.documentElement;
        said = (page.scrollWidth <= page.clientWidth) + ' ' + getComputedStyle(document.body).backgroundColor"""
    for name in ("index.html", "dag.html", "models/people.html"):
        assert seen(site / "docs" / name, script, width=390, dark=True) == "true rgb(18, 22, 29)"
    assert seen(site / "docs" / "index.html", script) == "true rgb(255, 255, 255)"
