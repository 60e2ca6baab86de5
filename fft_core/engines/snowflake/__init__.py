"""Snowflake: what its SQL looks like. There is no engine yet."""

from fft_core.engines.spec.lexis import Lexis

LEXIS = Lexis(escaping=frozenset("'"), dollars=r"\$\$", line_comments=("--", "//"))
