"""Databricks, and Spark: what their SQL looks like. There is no engine yet."""

from fft_core.engines.spec.lexis import Lexis

LEXIS = Lexis(("'", '"', "`"), frozenset("'\""), raw_after="r", doubling=False, nested=True)
