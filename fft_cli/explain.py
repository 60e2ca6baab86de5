"""`fft explain`: the title, cause and cure of an error code."""

from __future__ import annotations

import textwrap

import click

from fft_cli.terminal import echo, style

_WIDTH = 88


@click.command("explain")
@click.argument("code")
def command(code: str) -> None:
    """Explain an error code: what the error is, its cause, and its cure.

    CODE stands at the end of an error message, as in FFT-110; the number is enough. Opens no project and no database.
    """
    from fft_core.error_codes import CODES, find_code
    from fft_core.errors import RequestError, nearest

    found = find_code(code)
    if found is None:
        hint = (
            nearest(code.upper(), CODES)
            or "A code is FFT- and three digits, as at the end of an error message; docs/reference/errors.md lists all."
        )
        raise RequestError(f"{code!r} is not an error code", hint=hint)
    echo(f"{style(str(found), bold=True)}: {found.title}")
    for heading, text in (("Cause", found.cause), ("Cure", found.cure)):
        head, indent = f"{f'{heading}:':7}", " " * 7
        echo(textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False))
