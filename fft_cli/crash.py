"""Unexpected errors: a short message, and the traceback in a file."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from fft_cli.terminal import echo, masked, style
from fft_core.error_codes import UNEXPECTED
from fft_core.names.text import visible

LOGS = Path(".fastflowtransform") / "logs"


def print_unexpected(message: str, trace: str, root: Path | None) -> None:
    """Print a message on stderr, with the file of the traceback; FFT_TRACE=1 prints the traceback."""
    path = _write_trace(visible(masked(trace)), root)
    first, newline, rest = message.partition("\n")
    echo(f"{style('unexpected', fg='red', bold=True)} {first} [{UNEXPECTED}]{newline}{rest}", err=True)
    echo(f"    This is a bug in FFT or in a library that it uses. The traceback is in {path}", err=True)
    if os.environ.get("FFT_TRACE") or os.environ.get("FLOWFORGE_TRACE"):
        echo(trace, err=True)
    else:
        echo("    hint: FFT_TRACE=1 shows it here.", err=True)


def _write_trace(trace: str, root: Path | None) -> Path:
    """Write the trace to a file that only the user can read: in the project's logs, or without a project elsewhere."""
    from importlib.metadata import version  # slow to import

    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}.log"
    text = "\n".join([f"{now.isoformat()} fft {version('fft-dagster')}", platform.platform(), sys.version, "", trace])
    root = root or Path()
    if (root / "project.yml").is_file():
        try:
            (root / LOGS).mkdir(parents=True, exist_ok=True)
            return _written(root / LOGS / name, text)
        except OSError:
            pass  # the folder is not writable, which may be the very error
    import tempfile

    return _written(Path(tempfile.gettempdir()) / f"fft-{name}", text)


def _written(path: Path, text: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path
