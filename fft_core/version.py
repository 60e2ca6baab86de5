"""The version of this distribution: pyproject.toml reads it here. `importlib.metadata` takes 20 ms to find it."""

VERSION = "0.1.0"
