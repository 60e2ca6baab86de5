"""The version of this distribution, which pyproject.toml reads. `importlib.metadata` would take 20 ms to find it."""

VERSION = "0.2.0"
