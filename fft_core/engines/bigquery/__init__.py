"""BigQuery: the lexical rules of its SQL. An engine does not exist yet."""

from fft_core.engines.spec.lexis import Lexis

_QUOTES = ("'''", '"""', "'", '"', "`")
LEXIS = Lexis(_QUOTES, frozenset(_QUOTES), doubling=False, line_comments=("--", "#"))
