"""Builds that are asked for over HTTP: each is a process of its own, which works as `fft build` does."""
