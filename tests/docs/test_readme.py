"""README.md is run from top to bottom in one shell, against the suite under test."""

import os
from pathlib import Path

import pytest

from ops.suite import Suite
from tests.docs import console

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = console.blocks((ROOT / "README.md").read_text())
PORTS = {"edge": 8080, "operator": 8081, "temporal_ui": 8233}
CHOICES = ("MAKEFLAGS", "MAKELEVEL", "MODE", "CARD", "SKU", "QTY", "JSON", "USER", "S", "F")


@pytest.fixture(scope="module")
def printed(suite: Suite) -> dict[int, list[list[str]]]:
    """What the commands of each block print, by the block's line."""
    steps = [(block.line, step) for block in BLOCKS for step in block.steps]
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment |= {"SUITE": suite.name, "PATH": f"{ROOT / 'var' / 'bin'}:{os.environ['PATH']}"}
    commands = [of_suite(step.command, suite) for _, step in steps]
    outputs: dict[int, list[list[str]]] = {block.line: [] for block in BLOCKS}
    for (line, _), output in zip(steps, console.run(commands, ROOT, environment), strict=True):
        outputs[line].append(output)
    return outputs


def of_suite(text: str, suite: Suite) -> str:
    """The page speaks of the suite `main`; the one under test has other ports."""
    for name, port in PORTS.items():
        text = text.replace(f"localhost:{port}", f"localhost:{suite.ports[name]}")
    return text.replace("suite main", f"suite {suite.name}")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_a_block_prints_what_the_page_shows(
    block: console.Block, printed: dict[int, list[list[str]]], suite: Suite
) -> None:
    for step, output in zip(block.steps, printed[block.line], strict=True):
        expected = [of_suite(line, suite) for line in step.expected]
        assert console.matches(expected, output), (
            f"$ {step.command}\n--- README.md shows\n"
            + "\n".join(console.normalised(expected))
            + "\n--- printed\n"
            + "\n".join(console.normalised(output))
        )


def test_the_page_shows_what_it_says() -> None:
    assert len(BLOCKS) >= 6, "a README whose blocks are not run proves nothing"
