"""A live display for terminals: running nodes and their times, below the lines of finished ones."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fft_cli.lines import Display, LinesFor, PlainLines, Start
from fft_cli.run_options import Output
from fft_cli.terminal import echo, terminal_text
from fft_core.names.text import visible
from fft_core.run.outcomes import RunEvent, StepEnded, StepStarted
from fft_core.run.report import Report

# A refresh takes some milliseconds from working threads, no matter how many lines are new.
REFRESH_SECONDS = 0.2
LONGEST_LIST = 10


@contextmanager
def live_lines(output: Output, lines_for: LinesFor = PlainLines, console: Console | None = None) -> Iterator[Display]:
    """Show a run live; a terminal that cannot move its cursor gets plain lines."""
    console = console or Console(highlight=False)
    if console.is_dumb_terminal:
        yield lines_for(output, echo)
        return
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stderr=sys.stderr.isatty())
    with live:
        lines = LiveLines(output, live, lines_for)
        try:
            yield lines
        finally:
            lines.stop()


class LiveLines:
    """Lines that are printed together at each refresh, above the running nodes."""

    def __init__(self, output: Output, live: Live, lines_for: LinesFor = PlainLines) -> None:
        self._live = live
        self._plain = lines_for(output, self._add)
        self._lines: list[str] = []
        self._running: dict[str, float] = {}
        self._total = self._ended = 0
        self._has_failed = False
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._refresh_often, name="fft-progress", daemon=True)

    def begin(self, start: Start) -> None:
        self._total = len(start.names)
        self._plain.begin(start)
        self._live.update(self)
        self._thread.start()

    def see(self, event: RunEvent) -> None:
        with self._lock:
            match event:
                case StepStarted(name):
                    self._running[name] = time.monotonic()
                case StepEnded(result):
                    self._running.pop(result.name, None)
                    self._ended += result.status != "not_started"
                    self._has_failed |= result.status in ("failed", "blocked")
        self._plain.see(event)

    def end(self, report: Report, seconds: float) -> None:
        self.stop()
        self._live.stop()  # from here on, stderr is the terminal's again
        self._plain.end(report, seconds)
        self._print_lines()

    def stop(self) -> None:
        """End the refreshes, and print the remaining lines."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._print_lines()

    def _add(self, line: str) -> None:
        with self._lock:
            self._lines.append(line)

    def _refresh_often(self) -> None:
        while not self._is_over.wait(REFRESH_SECONDS):
            if not self._print_lines():
                self._live.refresh()

    def _print_lines(self) -> bool:
        """Print the new lines, above the running nodes."""
        with self._lock:
            lines, self._lines = self._lines, []
        if lines:
            self._live.console.print(Text.from_ansi(terminal_text("\n".join(lines))), soft_wrap=True)
        return bool(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the part below the lines, which is drawn again after each print."""
        yield self._below()

    def _below(self) -> RenderableType:
        with self._lock:
            running, now = sorted(self._running.items(), key=lambda item: item[1]), time.monotonic()
        shown: list[RenderableType] = [
            Text(visible(self._plain.running_line(name, now - began)), style="cyan", no_wrap=True, overflow="ellipsis")
            for name, began in running[:LONGEST_LIST]
        ]
        if len(running) > LONGEST_LIST:
            shown.append(Text(f"{'':11} and {len(running) - LONGEST_LIST} more", style="cyan"))
        bar = Table.grid(padding=(0, 1))
        color = "red" if self._has_failed else "green"
        progress = ProgressBar(
            total=max(1, self._total), completed=self._ended, width=30, complete_style=color, finished_style=color
        )
        bar.add_row(progress, f"{self._ended}/{self._total}", f"{now - self._began:.0f} s")
        return Group(*shown, bar)
