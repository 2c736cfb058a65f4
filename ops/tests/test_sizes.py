"""The size report: what it measures, and that it stops what is too large."""

from ops import sizes

BODY = "\n".join(f"    total += {number}" for number in range(40))
TOO_LONG = f"def add(total):\n{BODY}\n"


def too_large(name: str, source: str) -> list[str]:
    return [f"{size.kind} {size.where}" for size in sizes.measure(name, source) if size.is_too_large]


def test_a_function_of_41_lines_is_too_long() -> None:
    assert too_large("kit/add.py", TOO_LONG) == ["function kit/add.py:1 add"]


def test_the_docstring_of_a_function_does_not_count() -> None:
    body = "\n".join(BODY.splitlines()[1:])
    assert too_large("kit/add.py", f'def add(total):\n    """Adds.\n\n    A lot.\n    """\n{body}\n') == []


def test_a_method_within_a_class_is_measured_too() -> None:
    indented = "\n".join(f"    {line}" for line in TOO_LONG.splitlines())
    assert too_large("kit/add.py", f"class Adder:\n{indented}\n") == ["function kit/add.py:2 add"]


def test_tests_may_be_longer_than_the_code() -> None:
    source = "x = 1\n" * 251
    assert too_large("kit/x.py", source) == ["file kit/x.py"]
    assert too_large("kit/tests/test_x.py", source) == []
    assert too_large("kit/tests/test_x.py", "x = 1\n" * 401) == ["test file kit/tests/test_x.py"]


def test_self_is_no_parameter() -> None:
    method = "class A:\n    def f(self, a, b, c, d, e, *, f): ...\n"
    assert too_large("kit/a.py", method) == []
    assert too_large("kit/a.py", method.replace("*,", "g, *,")) == ["signature kit/a.py:2 f"]


def test_the_report_names_what_is_too_large_last() -> None:
    found = list(sizes.measure("kit/add.py", TOO_LONG))
    assert sizes.report(found)[-1].startswith("TOO LARGE function")
    assert "kit/add.py:1 add" in sizes.report(found)[-1]


def test_generated_code_is_not_measured_but_this_file_is() -> None:
    measured = [str(path.relative_to(sizes.ROOT)) for path in sizes.files()]
    assert "ops/tests/test_sizes.py" in measured
    assert not [name for name in measured if name.startswith(("protos/gen/", "var/"))]
