"""Score the tests of the statistics and the checks: change one operator or number at a time, and see if a test notices.

``nox -s mutation`` runs this file. Cosmic Ray makes the mutants. A seeded sample of them is tried, each in a fork of a process
that has imported what no mutant touches, in a copy of the tree and never in the tree itself.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cosmic_ray import plugins
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).parents[2]
ROOMS = ("statistics", "checks")

LEFT_OUT = ("ZeroIterationForLoop", "RemoveDecorator", "VariableInserter", "VariableReplacer", "ExceptionReplacer", "NoOp")
"""Operators that make no plausible mistake: those that take away a decorator or a whole loop, and those that need names."""

NEIGHBOURS = {
    "bias": ("norm_test", "bias_look"),
    "finding": ("conformance", "call_sizes"),
    "independence": ("dependence", "conformance"),
    "norm": ("norm_test",),
    "norm_test": ("kinds",),
    "confidence": ("bias_look",),
}
"""The modules whose tests also run for a module, beside its own."""

LIMIT = 120.0
"""The seconds after which a mutant counts as noticed: it does not end."""

Outcome = Literal["killed", "survived", "endless"]


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        module: The path of the module.
        operator: The name of the operator.
        occurrence: The number of the place where it is applied, among all that it applies to.
        line: The line of that place.
    """

    module: str
    operator: str
    occurrence: int
    line: int


class _Places(Visitor):
    """The places that an operator applies to, in the order in which they are counted."""

    def __init__(self, operator: Any) -> None:
        self.operator = operator
        self.found: list[tuple[int, int]] = []

    def visit(self, node: Any) -> Any:
        """Note the places at a node."""
        self.found += [start for start, _ in self.operator.mutation_positions(node)]
        return node


def list_mutants(module: str, source: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, but for those in annotations and decorators, which hold no arithmetic."""
    spared, tree = _list_spared(source), get_ast(source)
    for name in plugins.operator_names():
        operator_class = plugins.get_operator(name)
        if name.rpartition("/")[2].startswith(LEFT_OUT) or operator_class.arguments():
            continue
        places = _Places(operator_class())
        places.walk(tree)
        for occurrence, place in enumerate(places.found):
            if not any(start <= place < end for start, end in spared):
                yield Mutant(module, name, occurrence, place[0])


def _list_spared(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the ranges (line, column) of annotations and decorators."""
    nodes: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes += [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            nodes += node.decorator_list
    return [((each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)) for each in nodes if each is not None]


def list_tests(module: str) -> list[str]:
    """Return the test files that run for a module: its own first."""
    room, name = Path(module).parent.name, Path(module).stem
    paths = [f"tests/verification/{room}/test_{each}.py" for each in (name, *NEIGHBOURS.get(name, ()))]
    return [path for path in paths if (ROOT / path).exists()]


def make_source(mutant: Mutant) -> str:
    """Return the source of the changed module."""
    source = (ROOT / mutant.module).read_text(encoding="utf-8")
    changed = mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)
    assert changed is not None
    return str(changed)


def describe_change(mutant: Mutant) -> str:
    """Return the changed lines."""
    old = (ROOT / mutant.module).read_text(encoding="utf-8").splitlines()
    lines = difflib.unified_diff(old, make_source(mutant).splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def make_copy(folder: Path) -> Path:
    """Copy the tree to a folder, with the namespace under which it is imported, and return its root."""
    for name in ("estimators", "verification", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    package = folder / "imports" / "gradverify"
    package.mkdir(parents=True)
    for name in ("estimators", "verification"):
        (package / name).symlink_to(folder / name)
    return folder


def _warm_up() -> None:
    """Import what no mutant touches. Hypothesis is not among it, since it imports what registers strategies for it."""
    import pytest  # noqa: F401
    import torch
    from scipy import optimize, special, stats  # noqa: F401

    torch.set_num_threads(1)


def _run_tests(copy: str, tests: Sequence[str]) -> None:
    """Run the tests in a copy of the tree, and end the process with pytest's status."""
    import pytest

    os.chdir(copy)
    sys.path.insert(0, str(Path(copy) / "imports"))
    sys.dont_write_bytecode = True
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        status = pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:gradverify"])
    os._exit(int(status))


def try_source(source: str | None, module: str, copy: Path) -> Outcome:
    """Run a module's tests with its source replaced; None leaves it as it is."""
    place = copy / module
    kept = place.read_text(encoding="utf-8")
    try:
        if source is not None:
            place.write_text(source, encoding="utf-8")
        child = multiprocessing.get_context("fork").Process(target=_run_tests, args=(str(copy), list_tests(module)))
        child.start()
        child.join(LIMIT)
        if child.is_alive():
            child.kill()
            child.join()
            return "endless"
        return "survived" if child.exitcode == 0 else "killed"
    finally:
        place.write_text(kept, encoding="utf-8")


def score(mutants: Sequence[Mutant], jobs: int, seconds: float) -> list[dict[str, Any]]:
    """Try mutants in their order until the time is over, and return a row for each that was tried."""
    _warm_up()
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        copies = [make_copy(Path(folder) / str(job)) for job in range(jobs)]
        for module in sorted({mutant.module for mutant in mutants}):
            if (found := try_source(None, module, copies[0])) != "survived":
                raise RuntimeError(f"the tests of {module} fail without a mutant ({found})")
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
            shares = [pool.submit(_try_share, mutants[job::jobs], copy, ends) for job, copy in enumerate(copies)]
            rows = [row for share in shares for row in share.result()]
    return sorted(rows, key=lambda row: (row["module"], row["line"], row["operator"], row["occurrence"]))


def _try_share(mutants: Sequence[Mutant], copy: Path, ends: float) -> list[dict[str, Any]]:
    rows = []
    for mutant in mutants:
        if time.monotonic() > ends:
            break
        outcome = try_source(make_source(mutant), mutant.module, copy)
        print(f"{outcome:9}{mutant.module}:{mutant.line} {mutant.operator}", flush=True)
        rows.append({**vars(mutant), "outcome": outcome, "change": describe_change(mutant) if outcome == "survived" else ""})
    return rows


def render(rows: Sequence[Mapping[str, Any]], existing: int) -> str:
    """Return a page in Markdown: the score by module, and every survivor with its change."""
    counts = Counter(row["outcome"] for row in rows)
    noticed = len(rows) - counts["survived"]
    lines = ["# Mutation score of the statistics and the checks", ""]
    lines += [f"{existing} mutants exist, {len(rows)} were tried, drawn at random. {noticed} were noticed by a test."]
    lines += ["", "| module | tried | killed | endless | survived |", "|---|---|---|---|---|"]
    for module in sorted({row["module"] for row in rows}):
        mine = Counter(row["outcome"] for row in rows if row["module"] == module)
        lines.append(f"| {module} | {mine.total()} | {mine['killed']} | {mine['endless']} | {mine['survived']} |")
    lines += ["", "## Survivors"]
    for row in rows:
        if row["outcome"] == "survived":
            lines += ["", f"{row['module']}:{row['line']}", "", "```diff", row["change"], "```"]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Try a sample of the mutants, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/mutation"), help="folder for report.json and report.md")
    parser.add_argument("--sample", type=int, default=300, help="the number of mutants to try at most; 0 tries all")
    parser.add_argument("--seconds", type=float, default=1800.0, help="the time after which no further mutant is tried")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="the number of processes")
    parser.add_argument("words", nargs="*", help="only modules whose path contains one of these words")
    given = parser.parse_args(arguments)
    modules = [
        path.relative_to(ROOT).as_posix() for room in ROOMS for path in sorted((ROOT / "verification" / room).glob("*.py"))
    ]
    chosen = [each for each in modules if list_tests(each) and (not given.words or any(word in each for word in given.words))]
    every = [each for module in chosen for each in list_mutants(module, (ROOT / module).read_text(encoding="utf-8"))]
    drawn = random.Random(given.seed).sample(every, min(given.sample or len(every), len(every)))
    rows = score(drawn, given.jobs, given.seconds)
    given.out.mkdir(parents=True, exist_ok=True)
    report = {"seed": given.seed, "existing": len(every), "mutants": rows}
    (given.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (given.out / "report.md").write_text(render(rows, len(every)), encoding="utf-8")
    survived = sum(row["outcome"] == "survived" for row in rows)
    print(f"{len(every)} mutants exist; {len(rows)} tried, {len(rows) - survived} noticed, {survived} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
