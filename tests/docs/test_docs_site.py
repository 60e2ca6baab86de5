"""The documentation as a site: all links resolve, nothing is fetched from elsewhere, the search knows all pages."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chromium import CHROMIUM
from pages import DOCS, ROOT

from fft_core.version import VERSION
from tools.site import build_site

MEASURE = """
addEventListener("load", () => setTimeout(() => {
  const fits = document.documentElement.scrollWidth <= window.innerWidth;
  document.title = `seen: ${fits ? "fits" : "too wide"}, ${document.body.dataset.mdColorScheme}`;
}, 500));
"""
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site beside an older version; a link that does not resolve ends this with its place."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "0.0.9").mkdir()
    build_site(folder)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site of this version."""
    handler = functools.partial(_Measured, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{VERSION}"
        server.shutdown()


class _Measured(SimpleHTTPRequestHandler):
    """Serves files; `?measured` adds a script that says in the title whether the page fits, and if it is dark."""

    def do_GET(self) -> None:
        if not self.path.endswith("?measured"):
            return super().do_GET()
        page = Path(self.translate_path(self.path.removesuffix("?measured"))).read_text(encoding="utf-8")
        body = page.replace("</body>", f"<script>{MEASURE}</script></body>").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


def test_every_page_is_built_and_found_by_the_search(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    assert {page for page in pages if not (site / VERSION / page).is_file()} == set()
    index = json.loads((site / VERSION / "search.json").read_text(encoding="utf-8"))
    found = {item["location"].partition("#")[0] for item in index["items"]}
    assert {page for page in pages if page not in found} == set()


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    fetched = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=["']?(?:https?:)?//[^\s"'>]+""")
    for page in (site / VERSION).rglob("*.html"):
        assert fetched.findall(page.read_text(encoding="utf-8")) == [], page.name
    for sheet in (site / VERSION).rglob("*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")) == [], sheet.name


def test_versions_are_listed_and_the_newest_is_opened(site: Path) -> None:
    listed = json.loads((site / "versions.json").read_text(encoding="utf-8"))
    assert [entry["version"] for entry in listed] == [VERSION, "0.0.9"]
    assert f'url={VERSION}/index.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_a_link_that_does_not_resolve_ends_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    for name in ("docs", "tools", "fft_core"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "zensical.toml", copy)
    with (copy / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    command = [sys.executable, "tools/site.py", "--to", str(tmp_path / "site")]
    ended = subprocess.run(
        command, cwd=copy, env={"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "page does not exist" in ended.stderr
    assert not (tmp_path / "site").exists()


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize(("width", "is_dark"), [(390, True), (1280, False)])
@pytest.mark.parametrize("page", ["index.html", "reference/project-files.html", "reference/commands/fft-build.html"])
def test_a_page_fits_a_phone_and_a_desktop(address: str, page: str, width: int, is_dark: bool, tmp_path: Path) -> None:
    """The body is not wider than the window: wide tables and code scroll by themselves. Colors are the system's."""
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom",
        f"--blink-settings=preferredColorScheme={0 if is_dark else 1}", f"{address}/{page}?measured",
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    said = re.search(r"<title>seen: (.*?)</title>", ended.stdout)
    assert said, ended.stdout[:2000]
    assert said.group(1) == f"fits, {'slate' if is_dark else 'default'}"
