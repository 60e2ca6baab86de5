"""Databricks, and Spark: the lexical rules of their SQL. An engine does not exist yet."""

from fft_core.engines.spec.lexis import Lexis

LEXIS = Lexis(("'", '"', "`"), frozenset("'\""), raw_after="r", doubling=False, nested=True)
