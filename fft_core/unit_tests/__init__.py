"""Unit tests: models on given rows, compared with expected rows."""
