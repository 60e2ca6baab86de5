"""The supported versions of Dagster: the executor and the storage depend on private parts of it."""

from importlib.metadata import version


class UnsupportedDagsterError(ImportError):
    """An installed version of Dagster whose private interfaces are untested."""


def require_supported_dagster(installed: str | None = None) -> None:
    """Raise UnsupportedDagsterError unless the installed version is a tested one."""
    installed = installed or version("dagster")
    numbers = tuple(int(part) for part in installed.split(".")[:3] if part.isdigit())
    if (1, 13, 21) <= numbers < (1, 14):
        return
    raise UnsupportedDagsterError(
        f"Dagster {installed} is installed, but fft_dagster's executor and storage build on private interfaces of "
        "Dagster, which are tested with dagster>=1.13.21,<1.14 only [FFT-901]. "
        "Hint: pip install 'dagster>=1.13.21,<1.14'"
    )
