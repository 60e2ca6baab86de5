"""`fft version`: installed versions, from package metadata. No driver is imported."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import click

from fft_cli.cells import aligned
from fft_cli.terminal import echo


@click.command("version")
def command() -> None:
    """Show the versions of FFT and of the packages that it depends on."""
    print_versions()


def print_versions() -> None:
    """Print a line for each package."""
    from fft_core.engines.spec.registry import installed_specs

    drivers = {name: name for spec in installed_specs().values() for name in spec.drivers}
    packages = {"fft": "fft-dagster", "dagster": "dagster", **drivers}
    versions = {**{name: _version(package) for name, package in packages.items()}, **_python()}
    for line in aligned([*versions.items()]):
        echo(line)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _python() -> dict[str, str]:
    return {"python": platform.python_version()}
