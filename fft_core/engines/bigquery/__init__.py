"""BigQuery: what its SQL looks like. There is no engine yet."""

from fft_core.engines.spec.lexis import Lexis

_QUOTES = ("'''", '"""', "'", '"', "`")
LEXIS = Lexis(_QUOTES, frozenset(_QUOTES), doubling=False, line_comments=("--", "#"))
