"""The core of FFT: projects, plans and warehouses, without a scheduler. Its public names are imported on first use.

They are listed in `__init__.pyi`, each with its module.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_HOMES = {
    name: home
    for home, name in re.findall(
        r"^from (\S+) import (\w+) as \2$", (_HERE / "__init__.pyi").read_text(encoding="utf-8"), re.MULTILINE
    )
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    homes = _other_homes(name)
    if homes:  # an ImportError, as Python drops the text of an AttributeError in `from fft_core import ...`
        said = " or ".join(f"from {home} import {name}" for home in homes)
        raise ImportError(f"{name!r} is not a public name of {__name__!r}; {said}", name=__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _other_homes(name: str) -> list[str]:
    """Return the modules that define a name, for users who know it from earlier versions."""
    if name.startswith("_") or name.isupper():  # programs ask many modules for a __wrapped__ or a VERSION
        return []
    if (_HERE / name).exists():  # Python asks for a room before it imports it
        return []
    defines = re.compile(rf"^(?:class |def |async def ){name}\b|^{name}(?:: .*)? = ", re.MULTILINE)
    paths = (path for path in sorted(_HERE.rglob("*.py")) if defines.search(path.read_text(encoding="utf-8")))
    return [
        ".".join(("fft_core", *path.relative_to(_HERE).with_suffix("").parts)).removesuffix(".__init__")
        for path in paths
    ]
