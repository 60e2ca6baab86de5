"""A page for each command, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from fft_cli.app import app, grouped_commands
from fft_cli.examples import EXAMPLES, Example

_MADE = "<!-- Written by `make docs` from the command itself: edit it there, and run that again. -->"
_EXIT_CODES: Mapping[int, str] = {
    0: "all is well; warnings count as well",
    1: "the project is invalid, something that it needs is missing, or a model failed",
    2: "a check of severity error or a unit test failed; also a command line that cannot be understood",
    99: "a bug in FFT or in a library that it uses; the traceback is in `.fastflowtransform/logs/`",
    130: "interrupted",
}


@dataclass(frozen=True)
class Entry:
    """A command without subcommands: its words after `fft`, and its click object."""

    words: str
    command: click.Command

    @property
    def file(self) -> str:
        """The name of its page."""
        return f"fft-{self.words.replace(' ', '-')}.md"

    @property
    def summary(self) -> str:
        """The first sentence of its help."""
        first = _paragraphs(self.command)[0]
        return re.split(r"(?<=[.!?])\s", first)[0].rstrip(".")


def find_commands() -> dict[str, list[Entry]]:
    """Return all commands by the heading of `fft --help`; those of a group replace it."""
    context = click.Context(app, info_name="fft")
    return {
        heading: [entry for name in names for entry in _entries(name, app.get_command(context, name))]
        for heading, names in grouped_commands().items()
    }


def make_pages() -> dict[str, str]:
    """Return all pages by file name."""
    found = find_commands()
    pages = {entry.file: _page(entry) for entries in found.values() for entry in entries}
    return {"fft.md": _overview(found), **pages}


def _entries(words: str, command: click.Command | None) -> Iterator[Entry]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _entries(f"{words} {name}", inner)
    elif command is not None and not command.hidden:
        yield Entry(words, command)


def _overview(found: Mapping[str, Sequence[Entry]]) -> str:
    lines = ["# fft", "", _MADE, "", f"{app.help} [Command line](../cli.md) is the overview.", ""]
    for heading, entries in found.items():
        lines += [f"## {heading}", "", "| command | |", "|---|---|"]
        lines += [f"| [fft {entry.words}]({entry.file}) | {_cell(_text(entry.summary))} |" for entry in entries]
        lines.append("")
    return "\n".join(lines)


def _page(entry: Entry) -> str:
    parent = click.Context(app, info_name="fft", **app.context_settings)
    context = click.Context(entry.command, parent, info_name=entry.words)
    usage = " ".join([f"fft {entry.words}", *entry.command.collect_usage_pieces(context)])
    sections = {
        "NAME": f"fft {entry.words}: {_text(entry.summary[0].lower() + entry.summary[1:])}",
        "SYNOPSIS": f"```text\n{usage}\n```",
        "DESCRIPTION": "\n\n".join(map(_text, _paragraphs(entry.command))),
        "OPTIONS": _options(entry.command, context),
        "EXIT CODES": _table("code", [(str(code), said) for code, said in _EXIT_CODES.items()]),
        "EXAMPLES": "\n\n".join(f"{e.says}:\n\n```bash\n{e.typed}\n```" for e in _examples(entry)),
        "SEE ALSO": "[Command line](../cli.md), [all commands](fft.md)",
    }
    body = "\n\n".join(f"## {name}\n\n{text}" for name, text in sections.items())
    return f"# fft {entry.words}\n\n{_MADE}\n\n{body}\n"


def _paragraphs(command: click.Command) -> list[str]:
    text = inspect.cleandoc(command.help or command.short_help or f"{command.name}.").partition("\f")[0]
    paragraphs = [paragraph.replace("\b\n", "") for paragraph in text.split("\n\n")]
    return [" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()]


def _options(command: click.Command, context: click.Context) -> str:
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    records = [option.get_help_record(context) for option in options]
    return _table("option", [(f"`{record[0]}`", _text(record[1])) for record in records if record])


def _examples(entry: Entry) -> Sequence[Example]:
    """Return the written examples; else the simplest call."""
    if entry.words in EXAMPLES:
        return EXAMPLES[entry.words]
    needed = any(isinstance(p, click.Argument) and p.required for p in entry.command.params)
    return (
        Example("Its options", f"fft {entry.words} --help") if needed else Example("As it is", f"fft {entry.words}"),
    )


def _table(what: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {left} | {right} |" for left, right in ((_cell(a), _cell(b)) for a, b in rows)]
    return "\n".join([f"| {what} | meaning |", "|---|---|", *lines])


def _text(text: str) -> str:
    """Escape Markdown in a text, except its `code`."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if i % 2 else re.sub(r"([*<\\])", r"\\\1", part) for i, part in enumerate(parts))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
