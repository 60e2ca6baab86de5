"""Rows from the web: requests with a cache in files, retries, a rate limit and a list of allowed domains."""
