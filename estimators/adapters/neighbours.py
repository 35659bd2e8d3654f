"""Files as modules with their neighbours: ``import tok`` in a target finds tok.py in the target's folder, as a script would.

The neighbours belong to their folder. They stand in `sys.modules` only while code of that folder imports, so that two targets
may have neighbours of one name, and no other module sees them. Imports inside functions work as well, because every module of a
folder has an ``__import__`` of its own.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from .randomness import fork_randomness

__all__ = ["Neighbourhood", "load_file"]

_NEVER = frozenset({*sys.stdlib_module_names, "gradverify", "numpy", "torch"})
"""Modules that no neighbour replaces."""


@dataclass(eq=False)
class Neighbourhood:
    """The modules of one folder.

    Attributes:
        folder: The folder.
        modules: Its modules that were imported, by name; they are in `sys.modules` only during an import.
        names: The names of the modules and packages that lie in it.
        active: True during an import.
    """

    folder: Path
    modules: dict[str, ModuleType] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    active: bool = False

    def look(self) -> None:
        """Read the names of the modules and packages that lie in the folder."""
        files = {path.stem for path in self.folder.glob("*.py")}
        packages = {path.parent.name for path in self.folder.glob("*/__init__.py")}
        bare = {path.parent.name for path in self.folder.glob("*/*.py") if _is_free(path.parent.name)}
        self.names = frozenset((files | packages | bare) - _NEVER)

    def owns(self, name: str) -> bool:
        """Return True if a dotted name belongs to a module or a package in the folder."""
        return name.partition(".")[0] in self.names

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Return the place of a module of the folder, for the import system; None for any other module."""
        if not self.owns(name):
            return None
        spec = PathFinder.find_spec(name, [str(self.folder)] if path is None else path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(self, spec.loader.name, spec.loader.path)
        return spec

    def import_module(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Import a module for code of the folder; this is its ``__import__``."""
        whole = str((globals or {}).get("__package__") or "") if level else name
        if not self.owns(whole):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        with self.enter():
            return builtins.__import__(name, globals, locals, fromlist or (), level)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Put the modules of the folder in place of others of their names, and take them away again.

        A module of the folder that was imported under its name before, by a test for example, stays where it is.
        """
        if self.active:
            yield
            return
        owned = {name: module for name, module in sys.modules.items() if self.owns(name)}
        shared = {name for name, module in owned.items() if self._holds(module)}
        hidden = {name: sys.modules.pop(name) for name in owned if name not in shared}
        sys.modules.update({name: module for name, module in self.modules.items() if name not in shared})
        sys.meta_path.insert(0, self)
        self.active = True
        try:
            yield
        finally:
            self.active = False
            sys.meta_path.remove(self)
            own = [name for name in sys.modules if self.owns(name) and name not in shared]
            self.modules = {name: sys.modules.pop(name) for name in own}
            sys.modules.update(hidden)

    def _holds(self, module: ModuleType) -> bool:
        """Return True if a module was loaded from the folder."""
        file = getattr(module, "__file__", None)
        return bool(file) and Path(str(file)).is_relative_to(self.folder)


class _Loader(SourceFileLoader):
    """The loader of one module of a folder, which gives it the folder's ``__import__``."""

    def __init__(self, home: Neighbourhood, name: str, path: str) -> None:
        super().__init__(name, path)
        self.home = home

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module."""
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self.home.import_module}
        super().exec_module(module)


_FOLDERS: dict[Path, Neighbourhood] = {}


def load_file(path: Path, name: str) -> ModuleType:
    """Load a file as a module that can import its neighbours; a second call returns the same module.

    Args:
        path: The resolved path of a Python file.
        name: The name of the module in `sys.modules`.

    Raises:
        Exception: Loading the file raised it.
    """
    if name in sys.modules:
        return sys.modules[name]
    home = _FOLDERS.setdefault(path.parent, Neighbourhood(path.parent))
    home.look()
    spec = spec_from_file_location(name, path, loader=_Loader(home, name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded as a Python module")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        # A file that draws at random, such as the weights of a model, draws the same in every process.
        with home.enter(), fork_randomness(torch.Generator().manual_seed(0)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_free(name: str) -> bool:
    """Return True if no installed module has a name, so that a folder of modules without an __init__.py may have it."""
    return name.isidentifier() and name not in sys.modules and PathFinder.find_spec(name) is None
