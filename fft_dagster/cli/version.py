"""`fft version`: what is installed, from its metadata. Nothing is imported for it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import click

from fft_dagster.cli.terminal import echo

_PACKAGES = {"fft": "fft-dagster", "dagster": "dagster", "duckdb": "duckdb"}


@click.command("version")
def command() -> None:
    """Show the versions of FFT and of what it stands on."""
    print_versions()


def print_versions() -> None:
    """Print one line for each."""
    for name, found in {**{name: _version(package) for name, package in _PACKAGES.items()}, **_python()}.items():
        echo(f"{name:8} {found}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _python() -> dict[str, str]:
    return {"python": platform.python_version()}
