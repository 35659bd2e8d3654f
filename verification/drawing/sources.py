"""Digests of the targets' code, so that results of other code are not taken for theirs."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from ...estimators.registry import GROUP
from ..record.head import versions
from .journal import package_digest

__all__ = ["code_digest", "source_digests"]

_FILES = 1000
_FOLDERS = 1000
"""The source files and the folders that are looked at for one target at most: it may lie at the top of a disk."""

_INSTALLED = ("site-packages", "dist-packages")


def code_digest(targets: Iterable[str]) -> str:
    """Return a hash of everything that targets' results follow from but for settings: versions, this package, sources.

    Args:
        targets: As on the command line; registered names of this package add nothing of their own.
    """
    told = {"versions": versions(), "package": package_digest(), "sources": source_digests(targets)}
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()


def source_digests(targets: Iterable[str]) -> dict[str, str]:
    """Return the places that targets point to, each with a hash of its sources.

    A file may import what lies beside it, and a module what lies in its package: of every place all Python files in its
    folder and below are hashed, a thousand at most, hidden folders and environments left out. Data files are not.

    Args:
        targets: ``path/to/file.py:attr``, ``package.module:attr`` or the name of a plug-in; anything else has no sources here.

    Raises:
        OSError: A file that a target names cannot be read.
    """
    plugins = {each.name: each.value for each in entry_points(group=GROUP)}
    places = {plugins.get(each, each).rpartition(":")[0] for each in targets}
    found = {place: _files(place) for place in sorted(places) if place}
    return {place: _hash(files) for place, files in found.items() if files}


def _files(place: str) -> list[Path]:
    """Return the files of a place, the named one first; none if it names no code."""
    if place.endswith(".py"):
        return [Path(place), *_beside(Path(place).resolve().parent)]
    try:
        # The outermost package alone: to find what is in it would import it.
        spec = find_spec(place.partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [each for folder in spec.submodule_search_locations for each in _beside(Path(folder))]
    if spec.origin is None or not spec.origin.endswith(".py"):
        return []
    own = Path(spec.origin)
    alone = own.parent.name in _INSTALLED or own.is_relative_to(sys.base_prefix)
    return [own] if alone else [own, *_beside(own.parent)]


def _beside(folder: Path) -> Iterator[Path]:
    """Return the Python files of a folder and below, in a fixed order."""
    return islice(_walk(folder), _FILES)


def _walk(top: Path) -> Iterator[Path]:
    for folder, below, names in islice(os.walk(top), _FOLDERS):
        # In place, which is how a walk is told where to go.
        below[:] = sorted(each for each in below if not _foreign(Path(folder) / each))
        yield from (Path(folder) / each for each in sorted(names) if each.endswith(".py"))


def _foreign(folder: Path) -> bool:
    """Return True if a folder holds what others wrote, or nothing that is imported."""
    return folder.name.startswith((".", "__pycache__", "node_modules")) or (folder / "pyvenv.cfg").exists()


def _hash(files: list[Path]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for place, each in enumerate(files):
        try:
            content = each.read_bytes()
        except OSError:
            # Another's file may go, or be shut, while one looks; the target's own must be there.
            if place == 0:
                raise
            continue
        found.update(f"{each.name} {len(content)} ".encode("utf-8", "surrogateescape"))
        found.update(content)
    return found.hexdigest()
