"""Rows from the web: requests with a cache in files, retries, a rate limit and a list of allowed domains."""

from fft_core.http.api import HttpApi
from fft_core.http.stats import HttpStats, collecting

__all__ = ["HttpApi", "HttpStats", "collecting"]
