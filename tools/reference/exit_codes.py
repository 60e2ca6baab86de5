"""The exit codes of all commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TRACE = "the trace is in `.fastflowtransform/logs/`"
# The meaning of each code in every command; more meanings of some commands are in OWN.
COMMON: Mapping[int, str] = {
    0: "nothing failed; there may be warnings",
    1: "the project is invalid, something that it needs is missing, or the database cannot be opened",
    2: "the command line is invalid, or names something that does not exist",
    99: f"an error in FFT itself, or in a library; {TRACE}",
    130: "interrupted",
}
WITHOUT_PROJECT: Mapping[str, str] = {
    "explain": "the output cannot be written",
    "init": "a file cannot be written, or exists already",
    "version": "the output cannot be written",
}
_RUN = {
    1: "a model failed, or an `error` limit of budgets.yml was reached",
    2: "a check of severity error failed, and no model failed",
}
OWN: Mapping[str, Mapping[int, str]] = {
    "build": _RUN,
    "run": _RUN,
    "snapshot run": _RUN,
    "seed": {1: "a seed failed", 2: "a check of severity error failed, and no seed failed"},
    "test": {
        1: "a check could not be run, for example because a table is missing",
        2: "a check of severity error failed, and all checks could be run",
    },
    "utest": {2: "a case failed, or ended with an error"},
    "source freshness": {1: "a source is older than its limit for errors"},
    "stream status": {1: "a source cannot be reached"},
    "stream replay": {1: "with `--dry-run`: the sessions would change"},
    "doctor": {1: "something is missing"},
    "diff": {3: "rows differ"},
    "review": {1: "a model could not be built, a check of severity error failed, or a unit test did not pass"},
    "ci-check": {1: "there is an error among the findings"},
    "engine check": {1: "a claim failed; the scratch schema cannot be created or dropped"},
    "clean": {1: "with `--orphans`: a relation cannot be dropped"},
}


def codes_of(words: str) -> dict[int, str]:
    """Return the exit codes of a command with their meanings.

    Args:
        words: The words of the command after `fft`.
    """
    own, common = OWN.get(words, {}), dict(COMMON)
    if words in WITHOUT_PROJECT:
        common[1] = WITHOUT_PROJECT[words]
    found = {code: "; ".join(filter(None, [own.get(code), common.get(code)])) for code in {**common, **own}}
    return dict(sorted(found.items()))


def codes() -> str:
    """Return the table of the codes that all commands share."""
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| {code} | {text} |" for code, text in COMMON.items())])


def codes_of_commands(commands: Iterable[tuple[str, str]]) -> str:
    """Return the table of further meanings.

    Args:
        commands: The words of each command, and the name of its page.
    """
    lines = ["| command | 1 | 2 | 3 |", "|---|---|---|---|"]
    for words, page in commands:
        own = OWN.get(words) or ({1: WITHOUT_PROJECT[words]} if words in WITHOUT_PROJECT else {})
        cells = " | ".join(own.get(code, "") for code in (1, 2, 3))
        lines.append(f"| [fft {words}](commands/{page}) | {cells} |")
    return "\n".join(lines)
