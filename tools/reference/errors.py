"""The page of all error codes, from the registry and from messages that tests produce."""

from __future__ import annotations

from fft_core.error_codes import ALL, RANGES
from tools.reference.error_examples import EXAMPLES

_HEAD = """# Errors

<!-- Written by `make docs` from `fft_core/error_codes`: edit it there, and run that again. -->

The message of each error says what is wrong, with the file and line if there is one. Its first line ends with a code
such as `FFT-110`. A hint with the next step often follows.

```txt
models/orders.ff.sql:1: ref('user') is not a model or seed [FFT-110]
    hint: Did you mean 'users'?
```

The code is the same on the command line, in Python (`error.code`), in Dagster and in Prefect. JSON has it as `code`: in
the output of commands with `--json`, and for the errors of nodes in
[`run_results.json`](artifacts.md#run_resultsjson). `fft explain FFT-110` prints the cause and the cure of a code. The
meaning of a number never changes.
"""


def page() -> str:
    """Return the whole page."""
    sections = [_HEAD.strip()]
    for hundreds, heading in RANGES.items():
        codes = [code for code in ALL if code.number // 100 == hundreds]
        rows = [f"| [{code}](#{_anchor(str(code), code.title)}) | {code.title} |" for code in codes]
        sections.append("\n".join([f"**{heading}**", "", "| code | error |", "|---|---|", *rows]))
    for code in ALL:
        parts = [f"## {code}: {code.title}", f"Cause: {code.cause}", f"Cure: {code.cure}"]
        example = EXAMPLES.get(str(code))
        if example is not None:
            parts.insert(2, f"```txt\n{example.message}\n```")
        sections.append("\n\n".join(parts))
    return "\n\n".join(sections) + "\n"


def _anchor(code: str, title: str) -> str:
    """Return the anchor of a heading, as code hosts and the site make it."""
    kept = "".join(letter for letter in f"{code} {title}".lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")
