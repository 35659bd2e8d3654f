"""The page on architecture is true: its rooms are the tree's, its paths exist, imports go one way, and tests mirror modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES = ("estimators", "verification")
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
"""The path and the text of every module."""

MOST_FLAT_FILES = 10

CROSS_CUTTING: Mapping[str, str] = {
    "tests/estimators/adapters/test_shipped_estimators.py": "estimators of other packages, beside this package's own",
    "tests/estimators/test_cuda.py": "every estimator on a GPU",
    "tests/estimators/test_former_places.py": "three modules that moved, and their old paths",
    "tests/estimators/test_laws.py": "the laws that every registered estimator inherits",
    "tests/estimators/test_other_device.py": "every estimator on a stand-in for an accelerator",
    "tests/estimators/test_planted_bugs.py": "the laws must fail on planted bugs",
    "tests/verification/cli/test_stopped.py": "several commands stopped by Ctrl-C",
    "tests/verification/experiments/test_other_device.py": "both experiments on a stand-in for an accelerator",
    "tests/verification/foreign/test_several_targets.py": "several foreign targets through a whole run",
    "tests/verification/report/test_studies.py": "a study in every form of the report",
    "tests/verification/test_adversary.py": "whole runs that once gave a confident wrong verdict",
    "tests/verification/test_dtype.py": "one option through a whole run",
    "tests/verification/test_exact_agreement.py": "exact mode against sampling, over the whole registry",
    "tests/verification/test_whole_gradient.py": "whole runs judged by the norm, the scale and the angle",
    "tests/verification/test_other_device.py": "the work of a cell on a stand-in for an accelerator",
    "tests/verification/testing/test_pytest_mistakes.py": "mistakes in tests, through a whole pytest session",
    "tests/verification/testing/test_pytest_replay.py": "replay commands, through a whole pytest session",
}
"""The tests that mirror no module, and what they test instead."""


def list_rooms(page: str) -> dict[str, list[str]]:
    """Return the rooms of each package in the page's order, from the lowest to the highest."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)
    titled = {package: f"The rooms of `{package}/`" for package in PACKAGES}
    listed = {package: next(text for text in sections if text.startswith(title)) for package, title in titled.items()}
    return {package: re.findall(r"^\d+\. `([^`]+)`", text, re.MULTILINE) for package, text in listed.items()}


def find_missing_paths(page: str) -> list[str]:
    """Return the paths that a page names and the tree does not have; code that is no path has no slash and no suffix."""
    named = re.findall(r"`([\w.-]+/[\w./-]*|[\w.-]+\.(?:py|md|toml))`", page)
    return [path for path in named if not (ROOT / path).exists()]


def find_room(path: str, rooms: Mapping[str, list[str]]) -> str:
    """Return the room of a module: the module itself, or the smallest folder of the list that holds it."""
    package = path.partition("/")[0]
    holding = [room for room in rooms[package] if path == room or (room.endswith("/") and path.startswith(room))]
    assert holding, f"{path} lies in no room of docs/architecture.md"
    return max(holding, key=len)


def list_imports(path: str, source: str) -> Iterator[str]:
    """Yield the modules of both packages that a module imports: at its top, in functions, and for the type checker alone."""
    package = ["gradverify", *Path(path).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from filter(None, (find_module(alias.name) for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                module = find_module(f"{base}.{alias.name}") or find_module(base)
                if module is not None:
                    yield module


def find_module(name: str) -> str | None:
    """Return the file of a module by its name, or None if it is no module of the two packages."""
    stem = name.removeprefix("gradverify.").replace(".", "/")
    return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in SOURCES), None)


def find_back_arrows(sources: Mapping[str, str], rooms: Mapping[str, list[str]]) -> list[str]:
    """Return the imports that go to a room that stands later in the page's order, or from estimators to verification."""
    order = {room: place for place, room in enumerate(room for package in PACKAGES for room in rooms[package])}
    arrows = ((path, target) for path, source in sources.items() for target in list_imports(path, source))
    return [
        f"{path} imports {target}" for path, target in arrows if order[find_room(target, rooms)] > order[find_room(path, rooms)]
    ]


def find_unmirrored_tests(paths: list[str]) -> list[str]:
    """Return the tests that mirror no module; ``b/test_b.py`` mirrors the package ``b``."""
    unmirrored = []
    for path in paths:
        folder, name = path.removeprefix("tests/").rsplit("/test_", 1)
        package = f"{folder}/__init__.py" if folder.endswith(f"/{name.removesuffix('.py')}") else ""
        if not {f"{folder}/{name}", package} & set(SOURCES):
            unmirrored.append(path)
    return unmirrored


def test_every_path_that_the_page_names_exists() -> None:
    assert find_missing_paths(PAGE) == []


def test_every_path_that_the_guide_names_exists() -> None:
    """Except the reader's own files and what a session writes."""
    missing = find_missing_paths(GUIDE)
    assert [path for path in missing if not re.search(r"my_|mine|^reports/", path)] == []


def test_a_misnamed_path_is_caught() -> None:
    planted = PAGE.replace("verification/run/loop.py", "verification/run/loops.py")
    assert find_missing_paths(planted) == ["verification/run/loops.py"]


def test_the_rooms_are_the_trees() -> None:
    """Flat files of ``estimators/`` are estimators, which share a room, unless they are listed."""
    rooms = list_rooms(PAGE)
    for package in PACKAGES:
        folders = {f"{package}/{path.name}/" for path in (ROOT / package).iterdir() if (path / "__init__.py").exists()}
        flat = {path for path in SOURCES if Path(path).parent.as_posix() == package}
        listed = set(rooms[package])
        assert len(listed) == len(rooms[package])
        assert {room for room in listed if room.endswith("/")} - {"estimators/"} == folders
        assert {room for room in listed if not room.endswith("/")} <= flat
        assert package == "estimators" or flat <= listed


def test_few_files_lie_flat_in_verification() -> None:
    flat = [path for path in (ROOT / "verification").iterdir() if path.is_file() and path.name != "py.typed"]
    assert len(flat) <= MOST_FLAT_FILES


def test_imports_go_to_earlier_rooms() -> None:
    assert find_back_arrows(SOURCES, list_rooms(PAGE)) == []


def test_planted_back_arrows_are_caught() -> None:
    """Relative and absolute, at the top and in a function, of a module and of a name in it."""
    plants = {
        "verification/plan.py": "from .run.request import verify",
        "verification/truth/recursion.py": "def later():\n    from ..drawing import rows",
        "estimators/sites/site.py": "from ...verification.verdicts import Claim",
        "estimators/runs/tape.py": "import gradverify.verification.api",
        "verification/report/html.py": "if TYPE_CHECKING:\n    from ..run import cell",
    }
    planted = {path: f"{SOURCES[path]}\n{plants[path]}\n" for path in sorted(plants)}
    assert find_back_arrows(planted, list_rooms(PAGE)) == [
        "estimators/runs/tape.py imports verification/api.py",
        "estimators/sites/site.py imports verification/verdicts.py",
        "verification/plan.py imports verification/run/request.py",
        "verification/report/html.py imports verification/run/cell.py",
        "verification/truth/recursion.py imports verification/drawing/rows.py",
    ]


def test_tests_mirror_the_modules() -> None:
    tests = [path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / "tests" / name).rglob("test_*.py")]
    assert set(find_unmirrored_tests(tests)) == set(CROSS_CUTTING)


def test_a_test_of_no_module_is_caught() -> None:
    tests = [
        "tests/verification/run/test_loop.py",
        "tests/verification/run/test_loops.py",
        "tests/verification/run/test_run.py",
    ]
    assert find_unmirrored_tests(tests) == ["tests/verification/run/test_loops.py"]
