"""`fft deps`: the packages of a project are fetched, and where each of them comes from is shown."""

from __future__ import annotations

from pathlib import Path

import click

from fft_cli.cells import aligned
from fft_cli.options import takes_root
from fft_cli.terminal import echo


@click.command("deps")
@takes_root
@click.option("--upgrade", is_flag=True, help="Take what branches and tags are now, instead of what is locked.")
def command(root: Path, upgrade: bool) -> None:
    """Install the git packages of packages.yml, at the commits of packages.lock.yml.

    The first time, and with --upgrade, the commits are those that branches and tags have now; they are written to
    packages.lock.yml. If one package cannot be had, none is changed. Other commands install what was never installed,
    and change nothing that is there.

    PROJECT is the folder that holds project.yml.
    """
    from fft_core.project.packages.install import install_packages

    packages = install_packages(root, upgrade=upgrade, say=lambda text: echo(f"fetching {text}", err=True))
    if not packages:
        echo("no packages: there is no packages.yml, or it is empty")
        return
    lines = [("package", "version", "commit", "state", "from")]
    lines += [(p.name, p.version or "", (p.commit or "")[:12], p.state, p.origin) for p in packages]
    for line in aligned(lines):
        echo(line)
