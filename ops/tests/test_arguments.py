"""Wrong variables of a door are one sentence that names them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ops import arguments, arrivals
from ops.errors import SuiteError
from ops.events import wanted
from ops.load import MODES

ID = "6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11"
WRONG: list[tuple[Callable[[str], object], str]] = [
    *(
        (arguments.whole("N", 1, 1000), text)
        for text in ("0", "1001", "-1", "1.5", "ten", "", "9" * 5000, "²")
    ),
    *((arguments.real("RATE", 0.1, 500), text) for text in ("0", "500.1", "nan", "inf", "fast", "-1")),
    *((arguments.one_of("MODE", MODES), text) for text in ("telepathy", "SYNC", "")),
    *((arguments.identity("ORDER"), text) for text in ("3", "c0b1d8a5", f"{ID}0", "x" * 36)),
    *((arrivals.card_mix, text) for text in ("", "a,,b", "tok-1", "A")),
    (lambda kinds: wanted("", kinds), "OrderEaten"),
    (lambda kinds: wanted("", kinds), "ShortStock"),
]


@pytest.mark.parametrize(("parse", "text"), WRONG)
def test_what_is_wrong_is_said_in_one_line_with_its_value(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse(text)
    said = str(caught.value)
    assert "\n" not in said
    assert f"={text}: " in said


def test_what_is_right_is_taken() -> None:
    assert arguments.whole("N", 1, 1000)("1000") == 1000
    assert arguments.real("RATE", 0.1, 500)("2.5") == 2.5
    assert arguments.one_of("MODE", MODES)("sync") == "sync"
    assert arguments.identity("ORDER")(ID.upper()) == ID
    assert arguments.identity("ORDER")("") == ""
    assert arrivals.card_mix("approved, declined") == ("approved", "declined")


def test_pairs_have_a_key_a_colon_and_a_value() -> None:
    assert arguments.pairs("WEIGHTS", "v1:90, v2:10") == {"v1": "90", "v2": "10"}
    for wrong in ("", "v1", "v1:", ":90", "v1:90,v2"):
        with pytest.raises(SuiteError, match="WEIGHTS="):
            arguments.pairs("WEIGHTS", wrong)


def test_a_word_of_our_own_making_is_plain() -> None:
    parse = arguments.word("VERSION", "v2")
    assert (parse("v2"), parse("")) == ("v2", "")
    for wrong in ("V2", "v 2", "-v", "v" * 40):
        with pytest.raises(SuiteError, match="such as v2"):
            parse(wrong)
