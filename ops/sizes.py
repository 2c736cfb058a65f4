"""`make sizes`: how large files, functions and signatures are; only the hard stops fail.

Sizes are a smell, not a goal: the report shows the largest of each kind, so that one looks before a
stop is reached. A function is counted without its docstring.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("kit", "services", "ops", "protos", "tests", "bff", "workflows", "mesh")
GENERATED = ROOT / "protos" / "gen"
SHOWN = 10

LIMITS = {"file": 250, "test file": 400, "function": 40, "signature": 6}
UNITS = {"file": "lines", "test file": "lines", "function": "lines", "signature": "parameters"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Size:
    """One measured thing: what kind it is, where it is, how large."""

    kind: str
    where: str
    number: int

    @property
    def is_too_large(self) -> bool:
        """Beyond the hard stop of its kind."""
        return self.number > LIMITS[self.kind]

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.number:5} {UNITS[self.kind]} of {LIMITS[self.kind]}  {self.where}"


def measure(name: str, source: str) -> Iterator[Size]:
    """Every size in one file; `name` is its path, which also says whether it holds tests."""
    yield Size("test file" if is_test(name) else "file", name, len(source.splitlines()))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            where = f"{name}:{node.lineno} {node.name}"
            yield Size("function", where, lines_of(node))
            if not is_test(name):  # a test's parameters are its fixtures
                yield Size("signature", where, parameters_of(node))


def is_test(name: str) -> bool:
    """Whether a file belongs to tests."""
    return "tests" in Path(name).parts


def lines_of(function: Function) -> int:
    """From the signature to the last line, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and ast.get_docstring(function):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def parameters_of(function: Function) -> int:
    """What a caller has to give: neither `self` and `cls`, nor the options of a command, which have names."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([one for one in given if one.arg not in ("self", "cls") and not _is_option(one)])


def _is_option(parameter: ast.arg) -> bool:
    return parameter.annotation is not None and "typer.Option(" in ast.unparse(parameter.annotation)


def files() -> Iterator[Path]:
    """Our own Python files."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if GENERATED not in path.parents:
                yield path


def report(sizes: list[Size]) -> list[str]:
    """The largest of each kind, then what is beyond its stop."""
    lines = []
    for kind, limit in LIMITS.items():
        largest = sorted((size for size in sizes if size.kind == kind), key=lambda size: -size.number)
        lines += [f"{kind}: at most {limit} {UNITS[kind]}", *map(str, largest[:SHOWN])]
    too_large = [size for size in sizes if size.is_too_large]
    lines += [f"TOO LARGE {size.kind}: {size}" for size in too_large]
    return lines


def main() -> int:
    """Print the report; 1 if anything is beyond its stop."""
    found = [size for path in files() for size in measure(str(path.relative_to(ROOT)), path.read_text())]
    print("\n".join(report(found)))
    return int(any(size.is_too_large for size in found))


if __name__ == "__main__":
    sys.exit(main())
