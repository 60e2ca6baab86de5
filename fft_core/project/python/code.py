"""The modules of one project, imported under a private name, so that two projects in one process never mix."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from itertools import count
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from fft_core.project.model import Home
from fft_core.project.python.frozen import FROZEN, frozen_names, frozen_tree
from fft_core.project.python.stand_ins import Former, importlib_with, is_former, os_with

_numbers = count(1)  # a process-wide counter of names, nothing else


class PythonCode:
    """The importer for model files of a project or package, and for the modules that they import from it.

    The modules are in `sys.modules`, below a package made for this object. An `import helpers` in a project's file
    finds the project's helpers.py first, through a private `__import__`: `sys.path` stays unchanged, and imports
    inside functions work at any later time, in any thread. `importlib.import_module` behaves the same in such a file.
    `fastflowtransform` stands for the names in `fft_core.compat`; an installed package of that name is neither
    imported nor changed.

    Args:
        home: The folder.
        environment: Variables that its files find in `os.environ`, before those of the process.
        frozen_at: The time that clocks show in these modules; None: the actual time.
    """

    def __init__(
        self, home: Home, environment: Mapping[str, str] | None = None, frozen_at: datetime | None = None
    ) -> None:
        self._folders = [str(home.root), str(home.root / home.models)]
        self._package = f"_fft_project_{next(_numbers)}"
        self._loading = threading.RLock()
        package = ModuleType(self._package)
        package.__path__ = self._folders
        self._frozen = frozen_names(frozen_at, self._package) if frozen_at is not None else {}
        self._stand_ins: dict[str, ModuleType] = {"importlib": importlib_with(self._import_module)}
        self._former = Former(environment, home.root)
        if environment is not None:
            self._stand_ins["os"] = os_with(environment)
        sys.modules[self._package] = package
        sys.meta_path.insert(0, _ProjectFinder(self._package, self._builtins()))

    def function(self, path: Path, name: str) -> Callable[..., Any]:
        """Import a model's file (once) and return the function of that name.

        Raises any error of the imported file.
        """
        function: Callable[..., Any] = getattr(self.module(path), name)
        return function

    def module(self, path: Path) -> ModuleType:
        """Import a file (once). Raises any error of the imported file."""
        module_name = f"{self._package}._file_{abs(hash(path))}"
        with self._loading:
            return sys.modules.get(module_name) or self._load(module_name, path)

    def _load(self, module_name: str, path: Path) -> ModuleType:
        loader = _ProjectLoader(module_name, str(path), self._builtins())
        spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
        assert spec is not None  # the arguments have a location and a loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module

    def _builtins(self) -> Mapping[str, Any]:
        return {**vars(builtins), "__import__": self._import, **self._frozen}

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if not level and is_former(name):
            if fromlist:
                return self._former.with_submodules(name, fromlist)
            self._former.module(name)
            return self._former.module(top)
        if level or not self._owns(top):
            return self._stood_in(builtins.__import__(name, globals, locals, fromlist, level))
        own = builtins.__import__(f"{self._package}.{name}", globals, locals, fromlist or ("__name__",), 0)
        return own if fromlist else sys.modules[f"{self._package}.{top}"]

    def _stood_in(self, found: ModuleType) -> ModuleType:
        stand_in = self._stand_ins.get(getattr(found, "__name__", ""))
        return stand_in if stand_in is not None and found is sys.modules.get(found.__name__) else found

    def _import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Import a module by its name, as `importlib.import_module` does; modules of the project win."""
        absolute = importlib.util.resolve_name(name, package)
        if is_former(absolute):
            return self._former.module(absolute)
        if not self._owns(absolute.partition(".")[0]):
            return self._stood_in(importlib.import_module(absolute))
        self._import(absolute)
        return sys.modules[f"{self._package}.{absolute}"]

    def _owns(self, top: str) -> bool:
        if f"{self._package}.{top}" in sys.modules:
            return True
        if top in sys.stdlib_module_names:
            return False
        spec = PathFinder.find_spec(top, self._folders)
        # a folder without __init__.py (docs/, seeds/) must not hide an installed package of the same name
        return spec is not None and (spec.origin is not None or importlib.util.find_spec(top) is None)


class _ProjectFinder:
    """A finder for the modules below one project's package."""

    def __init__(self, package: str, project_builtins: Mapping[str, Any]) -> None:
        self._prefix = f"{package}."
        self._builtins = project_builtins

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(self._prefix) or path is None:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _ProjectLoader(name, spec.loader.path, self._builtins)
        return spec


class _ProjectLoader(SourceFileLoader):
    """A loader that runs a module with the project's `__import__`; it compiles from source, and caches nothing."""

    def __init__(self, name: str, path: str, project_builtins: Mapping[str, Any]) -> None:
        super().__init__(name, path)
        self._builtins = project_builtins

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._builtins
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        if FROZEN not in self._builtins:
            return self.source_to_code(source, path)
        return compile(frozen_tree(source, path), path, "exec", dont_inherit=True)
