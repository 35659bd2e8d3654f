"""Lint for plain English: the first words of docstrings, and the names of functions. Run by ``nox -s lint``.

Docstrings open as a sentence or a noun phrase, never as a clause that begins with "What" or "Whether". Functions are verbs, or
the name of the quantity that they return; a past participle says neither who acts nor on what.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("estimators", "verification")

OPENERS = re.compile(r"(What|Whether|Of|How|Where|The same|Some|By|That)\b")
"""Words with which no docstring opens."""

PARTICIPLE = re.compile(
    r"_?(\w+(?<!e)ed|drawn|said|told|found|taken|kept|made|given|asked|held|met|seen|written|known|shown|run_through|put|left)\Z"
)
"""Names of functions that are one bare participle."""

NO_PARTICIPLES = {"seed", "feed", "need", "speed", "embed", "exceed", "proceed", "succeed"}

ALLOWED = {
    "published": "a command of that name",
    "carried": "a kernel, named like the walk that it compiles",
    "drawn": "a kernel, named like the walk that it compiles",
    "paired": "a kernel, named like the walk that it compiles",
}
"""Participles that stand, and why."""


def complaints(path: Path) -> Iterator[str]:
    """Yield one line for everything in a file that is not plain."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        name, line = getattr(node, "name", path.stem), getattr(node, "lineno", 1)
        opening = OPENERS.match(ast.get_docstring(node) or "")
        if opening:
            yield f"{path.relative_to(ROOT)}:{line} {name}: its docstring opens with {opening[0]!r}"
        if isinstance(node, ast.FunctionDef) and not _is_property(node) and _is_participle(node.name):
            yield f"{path.relative_to(ROOT)}:{line} {name}: a function is named by a verb, or by what it returns"


def _is_property(node: ast.FunctionDef) -> bool:
    words = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(words & {"property", "cached_property"})


def _is_participle(name: str) -> bool:
    word = name.strip("_")
    return bool(PARTICIPLE.match(name)) and "_" not in word and word not in NO_PARTICIPLES and word not in ALLOWED


def main() -> int:
    """Print every complaint, and return how many there are."""
    found = [line for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) for line in complaints(path)]
    print("\n".join(found) or "plain English: nothing to complain about")
    return len(found)


if __name__ == "__main__":
    sys.exit(bool(main()))
