"""Makes docs/images/fft_build.svg anew: what a terminal shows in the middle of `fft build` of the example project.

python tests/docs/record_terminal.py
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "fft_build.svg"
COLUMNS, LINES = 90, 30


def record(project: Path) -> str:
    """Build the project on a terminal; give what stands on its screen when many models have ended and some run."""
    process, terminal = pty.fork()
    if process == 0:
        settings = {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
        os.chdir(project.parent)
        os.execve(Path(sys.executable).with_name("fft"), ["fft", "build", project.name], {**os.environ, **settings})
    transcript, best = "", ""
    while True:
        try:
            transcript += os.read(terminal, 65536).decode()
        except OSError:  # its other end is closed
            break
        now = screen(transcript)
        if "warned" in now and now.count("running  ") >= max(1, best.count("running  ")):
            best = now
    os.close(terminal)
    os.waitpid(process, 0)
    return best


def screen(transcript: str) -> str:
    """What stands on a terminal that got this; it knows only what the live display does."""
    rows, row = [""], 0
    for token in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", transcript):
        match token:
            case "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            case "\x1b[2K":
                rows[row] = ""
            case "\x1b[1A":
                row -= 1
            case "\r" | "\x1b[?25l" | "\x1b[?25h":
                pass
            case _:
                rows[row] += token
    return "\n".join(rows).rstrip()


def picture(text: str, title: str) -> str:
    """Draw it; the fonts are those of whoever looks at it, so that nothing is fetched from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text), soft_wrap=True)
    drawn = console.export_svg(title=title, unique_id="fft")
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "example_project"
        hidden = shutil.ignore_patterns(".local", ".fastflowtransform", "__pycache__")
        shutil.copytree(ROOT / "example_project", project, ignore=hidden)
        shown = record(project)
    PICTURE.write_text(picture(f"$ fft build {project.name}\n{shown}", "fft build"), encoding="utf-8")


if __name__ == "__main__":
    main()
