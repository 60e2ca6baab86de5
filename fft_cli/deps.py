"""`fft deps`: installation of a project's packages, with a list of their origins."""

from __future__ import annotations

from pathlib import Path

import click

from fft_cli.cells import aligned
from fft_cli.options import takes_root
from fft_cli.terminal import echo


@click.command("deps")
@takes_root
@click.option("--upgrade", is_flag=True, help="Install the current commits of branches and tags, not the locked ones.")
def command(root: Path, upgrade: bool) -> None:
    """Install the git packages of packages.yml, at the commits of packages.lock.yml.

    The first time, and with --upgrade, the commits are the current ones of branches and tags; they are written to
    packages.lock.yml. If one package fails, none is changed. Other commands install missing packages, and do not change
    installed ones.

    PROJECT is the folder with project.yml.
    """
    from fft_core.project.packages.install import install_packages

    packages = install_packages(root, upgrade=upgrade, say=lambda text: echo(f"fetching {text}", err=True))
    if not packages:
        echo("no packages: packages.yml does not exist, or is empty")
        return
    lines = [("package", "version", "commit", "state", "from")]
    lines += [(p.name, p.version or "", (p.commit or "")[:12], p.state, p.origin) for p in packages]
    for line in aligned(lines):
        echo(line)
