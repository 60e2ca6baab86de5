"""Build the documentation as a site of several versions: `python tools/site.py [--to FOLDER]`.

The site of this version is built into FOLDER/VERSION; those of other versions stay. FOLDER/versions.json lists all of
them for the selector in the header, and FOLDER/index.html leads to the newest. All files are static.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

from fft_core.version import VERSION

ROOT = Path(__file__).parents[1]
_REDIRECT = """\
<!doctype html>
<meta charset="utf-8">
<title>FFT on Dagster</title>
<meta http-equiv="refresh" content="0; url={version}/index.html">
<a href="{version}/index.html">Documentation of {version}</a>
"""


def build_site(folder: Path) -> Path:
    """Build the site of this version into a folder of all versions; return the folder of this version.

    Raises:
        SystemExit: a page is not valid: a link or an anchor does not exist. The messages are printed.
    """
    own = folder / VERSION
    with TemporaryDirectory() as scratch:
        _run_zensical(Path(scratch))
        shutil.rmtree(own, ignore_errors=True)
        shutil.copytree(Path(scratch, ".site"), own)
    versions = sorted(filter(None, map(_version, folder.iterdir())), reverse=True)
    listed = [{"version": str(version), "title": str(version), "aliases": []} for version in versions]
    (folder / "versions.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    (folder / "index.html").write_text(_REDIRECT.format(version=versions[0]), encoding="utf-8")
    return own


def _run_zensical(scratch: Path) -> None:
    """Build into scratch/.site: the pages and the caches of Zensical must lie beside its configuration."""
    shutil.copytree(ROOT / "docs", scratch / "docs")
    shutil.copy(ROOT / "zensical.toml", scratch)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    ended = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{ended.stdout}\n{ended.stderr}")


def _version(path: Path) -> Version | None:
    try:
        return Version(path.name) if path.is_dir() else None
    except InvalidVersion:
        return None


def main(arguments: Sequence[str]) -> None:
    """Build the site, and print its folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "dist" / "site", metavar="FOLDER")
    built = build_site(parser.parse_args(arguments).to)
    sys.stdout.write(f"{built}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
