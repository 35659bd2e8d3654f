"""The project from outside: what its wheel holds, what is imported, what is pinned, and what its guide lets one copy."""

from __future__ import annotations

import configparser
import doctest
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gradverify.estimators
import gradverify.verification

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("estimators", "verification")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def _sources(root: Path) -> set[str]:
    """Every file of the two folders, by its name in a wheel."""
    files = (path for folder in FOLDERS for path in (root / folder).rglob("*"))
    kept = (path for path in files if path.is_file() and "__pycache__" not in path.parts)
    return {f"gradverify/{path.relative_to(root).as_posix()}" for path in kept}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is made of: building leaves files behind, and files left behind enter the next wheel."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Iterator[zipfile.ZipFile]:
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, "dist"], cwd=checkout, check=True, capture_output=True)
    (path,) = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def _metadata(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (each for each in wheel.namelist() if each.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_wheel_holds_every_file_of_the_tree_and_no_other(wheel: zipfile.ZipFile, checkout: Path) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == _sources(checkout)
    assert {f"gradverify/{folder}/py.typed" for folder in FOLDERS} <= held
    assert {"gradverify/verification/record/record.schema.json", "gradverify/verification/report/report.html.jinja"} <= held


def test_wheel_names_the_license_and_every_extra(wheel: zipfile.ZipFile, project: dict) -> None:
    metadata = _metadata(wheel, "METADATA")
    assert "License-Expression: MIT" in metadata
    assert _metadata(wheel, "licenses/LICENSE").startswith("MIT License")
    assert set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.M)) == set(project["project"]["optional-dependencies"])


def test_entry_points_lead_to_modules_of_the_wheel(wheel: zipfile.ZipFile) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(_metadata(wheel, "entry_points.txt"))
    modules = {target.partition(":")[0] for section in parser.sections() for target in parser[section].values()}
    assert modules
    held = set(wheel.namelist())
    paths = [module.replace(".", "/") for module in modules]
    assert [each for each in paths if not {f"{each}.py", f"{each}/__init__.py"} & held] == []


def test_console_script_ignores_the_working_directory(tmp_path: Path) -> None:
    """A user's own modules may bear our names, or those of packages that we import."""
    for name in ("gradverify", "estimators", "verification", "click", "torch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working directory')\n")
    script = Path(sysconfig.get_path("scripts")) / "gradverify"
    done = subprocess.run([script, "--help"], cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_every_subpackage_is_listed(project: dict) -> None:
    tree = {f"gradverify.{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}" for path in _initialisers()}
    assert set(project["tool"]["setuptools"]["packages"]) == tree


def _initialisers() -> Iterator[Path]:
    return (path for folder in FOLDERS for path in (ROOT / folder).rglob("__init__.py"))


def test_every_module_is_imported_under_one_name() -> None:
    """Collection is over when a test runs, so what it imported twice stands in ``sys.modules``."""
    assert not {name for name in sys.modules if name.split(".")[0] in FOLDERS}


@pytest.mark.parametrize("module", [gradverify.estimators, gradverify.verification], ids=FOLDERS)
def test_the_imported_package_is_the_installed_one(module: ModuleType) -> None:
    """An editable installation is the checkout; any other lies where the distribution says, whatever the working directory."""
    installed = distribution("gradverify")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    name = module.__name__.removeprefix("gradverify.")
    expected = ROOT / name if editable else Path(str(installed.locate_file(f"gradverify/{name}")))
    assert Path(str(module.__file__)).parent.resolve() == expected.resolve()


def _installed_closure(requirement: str) -> set[str]:
    """Names of the distributions that a requirement brings along, as far as they are installed here."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    pending = [(each.name, extra) for each in [Requirement(requirement)] for extra in ("", *each.extras)]
    while pending:
        name, extra = pending.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(canonicalize_name(name))
        needed = (each for each in map(Requirement, requires) if not each.marker or each.marker.evaluate({"extra": extra}))
        pending += [(each.name, also) for each in needed for also in ("", *each.extras)]
    return found


def test_everything_that_gets_installed_is_pinned(pinned: dict[str, str]) -> None:
    assert _installed_closure("gradverify[dev]") - {"gradverify"} <= set(pinned)
    assert pinned["torch"] == "2.13.0"


def test_pins_lie_within_the_declared_ranges(pinned: dict[str, str], project: dict) -> None:
    extras = project["project"]["optional-dependencies"].values()
    declared = [*project["build-system"]["requires"], *project["project"]["dependencies"], *chain.from_iterable(extras)]
    ranges = {canonicalize_name(each.name): each.specifier for each in map(Requirement, declared)}
    outside = {name: version for name, version in pinned.items() if name in ranges and version not in ranges[name]}
    assert not outside


def _skeleton(kind: str) -> str:
    """A block of code of the guide, found by the comment before it."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(rf"<!-- skeleton: {kind} -->\n```python\n(.*?)```", guide, re.S)
    return code


def _load(code: str, name: str, folder: Path) -> ModuleType:
    path = folder / f"{name.rpartition('.')[2]}.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def guide(tmp_path: Path) -> Iterator[Callable[[str], tuple[ModuleType, ModuleType]]]:
    """Loads the guide's estimator, as changed as asked, and its test, as if they had been copied to their places."""
    names = ("gradverify.estimators.my_estimator", "test_my_estimator")

    def load(estimator: str) -> tuple[ModuleType, ModuleType]:
        codes = (estimator, _skeleton("test"))
        first, second = (_load(code, name, tmp_path) for code, name in zip(codes, names, strict=True))
        return first, second

    yield load
    for name in names:
        sys.modules.pop(name, None)


def test_skeleton_works_when_copied(guide: Callable[[str], tuple[ModuleType, ModuleType]]) -> None:
    """The false-fail rate is the skeleton's own, 1e-6; its seed is fixed."""
    estimator, its_test = guide(_skeleton("estimator"))
    assert doctest.testmod(estimator) == doctest.TestResults(failed=0, attempted=4)
    its_test.test_mean_is_the_exact_gradient()


@pytest.mark.parametrize(
    ("sound", "planted"),
    [
        ("(objective.detach() - self.baseline) * score", "(self.baseline - objective.detach()) * score"),
        ("* score + objective", "* score * 1.05 + objective"),
        ("- self.baseline", "- objective.detach()"),
    ],
    ids=["sign", "factor 1.05", "own-sample baseline"],
)
def test_skeleton_of_a_test_finds_planted_bugs(
    sound: str, planted: str, guide: Callable[[str], tuple[ModuleType, ModuleType]]
) -> None:
    code = _skeleton("estimator")
    assert sound in code
    _, its_test = guide(code.replace(sound, planted))
    with pytest.raises(AssertionError) as raised:
        its_test.test_mean_is_the_exact_gradient()
    assert "abs(rows.mean() - 7)" in str(raised.traceback[-1].statement)


@pytest.mark.parametrize(
    ("kind", "place"), [("estimator", "estimators/my_estimator.py"), ("test", "tests/estimators/test_my_estimator.py")]
)
@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["rules", "format"])
def test_skeleton_obeys_the_house_style(kind: str, place: str, command: list[str]) -> None:
    ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", place, "-"]
    done = subprocess.run(ruff, input=_skeleton(kind), text=True, cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
