"""Files with neighbours: imports work as in a script, also late ones, and belong to one folder alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradverify.estimators import TargetError
from gradverify.estimators.adapters.neighbours import Neighbourhood
from gradverify.estimators.registry import load_attribute


@pytest.fixture(autouse=True)
def _kept_modules() -> Iterator[None]:
    """Take away the modules of the targets, which are named by their path."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


SCRIPT = """
from tok import OWNER, later
from package.part import NAME

def early():
    return OWNER, NAME

def late():
    import lazy
    return lazy.OWNER, later()
"""


def make_project(folder: Path, owner: str) -> Path:
    return write(
        folder,
        {
            "wrap.py": SCRIPT,
            "tok.py": f"OWNER = {owner!r}\ndef later():\n    from package import deep\n    return deep.NAME\n",
            "lazy.py": f"OWNER = 'lazy ' + {owner!r}\n",
            "package/__init__.py": "",
            "package/part.py": f"from .deep import NAME\nassert NAME == 'deep ' + {owner!r}\n",
            "package/deep.py": f"import tok\nNAME = 'deep ' + {owner!r}\n",
        },
    )


def test_neighbours_are_imported_for_their_own_folder_alone(tmp_path: Path) -> None:
    """Two projects whose modules have the same names; what is imported late is each project's own as well."""
    first, second = (make_project(tmp_path / owner, owner) for owner in ("one", "two"))
    early = [load_attribute(f"{folder}/wrap.py:early")() for folder in (first, second)]
    late = [load_attribute(f"{folder}/wrap.py:late")() for folder in (second, first, second)]
    assert early == [("one", "deep one"), ("two", "deep two")]
    assert late == [("lazy two", "deep two"), ("lazy one", "deep one"), ("lazy two", "deep two")]
    assert not {"tok", "lazy", "package", "package.deep", "wrap"} & set(sys.modules)
    assert not any(isinstance(finder, Neighbourhood) for finder in sys.meta_path)


def test_two_targets_of_a_folder_share_their_neighbours(tmp_path: Path) -> None:
    folder = make_project(tmp_path, "one")
    write(folder, {"other.py": "import tok\nHELD = tok\n", "third.py": "import tok\nHELD = tok\n"})
    assert load_attribute(f"{folder}/other.py:HELD") is load_attribute(f"{folder}/third.py:HELD")


def test_a_loaded_module_of_the_same_name_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_project(tmp_path, "one")
    other = type(sys)("tok")
    monkeypatch.setitem(sys.modules, "tok", other)
    assert load_attribute(f"{folder}/wrap.py:early")() == ("one", "deep one")
    assert sys.modules["tok"] is other


def test_a_neighbour_that_was_imported_before_is_the_same_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that imports its own module, and gives the file beside it as a target, has one module and not two."""
    folder = write(tmp_path, {"shared.py": "VALUE = []\n", "wrap.py": "import shared\nHELD = shared\n"})
    monkeypatch.syspath_prepend(str(folder))
    import shared  # type: ignore[import-not-found]

    assert load_attribute(f"{folder}/wrap.py:HELD") is shared
    assert sys.modules["shared"] is shared


def test_a_neighbour_replaces_no_module_of_python(tmp_path: Path) -> None:
    folder = write(tmp_path, {"random.py": "raise RuntimeError('mine')\n", "wrap.py": "import random\nHELD = random\n"})
    assert load_attribute(f"{folder}/wrap.py:HELD").random() < 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"wrap.py": "import tok\n", "tok.py": "\n1 / 0\n"}, r"raised ZeroDivisionError at tok\.py, line 2: division by zero"),
        ({"wrap.py": "\n\nimport absent\n"}, r"raised ModuleNotFoundError at wrap\.py, line 3: No module named 'absent'"),
    ],
)
def test_an_exception_is_named_with_its_file_and_line(tmp_path: Path, files: dict[str, str], message: str) -> None:
    folder = write(tmp_path, files)
    for _ in range(2):  # nothing half loaded is left
        with pytest.raises(TargetError, match=message):
            load_attribute(f"{folder}/wrap.py:anything")
    assert "tok" not in sys.modules
