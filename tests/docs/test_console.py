"""The reader of console blocks finds what is wrong."""

from pathlib import Path

import pytest

from tests.docs import console

PAGE = """
```console
$ echo one \\
    two
one two
$ echo 'three
  four'
three
…
$ true
```

<!-- not run: it would never end -->

```console
$ sleep infinity
```

```sh
$ not a console block
```
"""


def test_a_page_becomes_commands_and_their_output() -> None:
    (block,) = console.blocks(PAGE)
    assert block.line == 2
    assert [(step.command, step.expected) for step in block.steps] == [
        ("echo one \\\n    two", ["one two"]),
        ("echo 'three\n  four'", ["three", "…"]),
        ("true", []),
    ]


def test_commands_run_in_one_shell_and_errors_are_output(tmp_path: Path) -> None:
    commands = ["word=hello", "echo $word", "printf 'no newline'; echo wrong >&2; false", "echo last"]
    printed = console.run(commands, tmp_path, {"PATH": "/usr/bin:/bin"}, 10)
    assert printed == [[], ["hello"], ["no newlinewrong"], ["last"]]


def test_a_command_that_hangs_is_ended_and_said(tmp_path: Path) -> None:
    printed = console.run(
        ["echo one", "sleep 60 & wait", "echo two"], tmp_path, {"PATH": "/usr/bin:/bin"}, 0.5
    )
    assert printed == [["one"], [console.TOO_LATE], [console.TOO_LATE]]


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("order 3d1a1596-b650-49de-bbee-9b11eadacea3: CONFIRMED", "order <id>: CONFIRMED"),
        ("answered in 216 ms", "answered in 7 ms"),
        ("    0.0 ms  PENDING", "1020.4 ms  PENDING"),
        ("first\n…\nlast", "first\nlast"),
        ("first\n…\nlast", "first\nsecond\nthird\nlast"),
        ("…", "anything\nat all"),
        ("it says … and ends", "it says this and ends"),
        ('"token": "eyJ0…"', '"token": "eyJ0eXAi.eyJpc3Mi.sig-_"'),
        ("audited 4 orders: 4 CONFIRMED", "audited 9 orders: 2 CANCELLED, 7 CONFIRMED"),
    ],
)
def test_what_differs_from_run_to_run_matches(expected: str, printed: str) -> None:
    assert console.matches(expected.splitlines(), printed.splitlines())


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("CONFIRMED", "CANCELLED"),
        ("CONFIRMED", ""),
        ("", "an error that the page does not show"),
        ("first\nlast", "last\nfirst"),
        ("first\nlast", "first\nsecond\nlast"),
        ("first\n…\nlast", "first\nlast\nmore"),
        ("total 12.50 EUR", "total 25.00 EUR"),
        ("it says … and ends", "it says this\nand ends"),
        ("(it+)", "(itt)"),
    ],
)
def test_everything_else_does_not_match(expected: str, printed: str) -> None:
    assert not console.matches(expected.splitlines(), printed.splitlines())
