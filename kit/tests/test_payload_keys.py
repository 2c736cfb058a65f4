"""The keys of payloads are read whole or refused with every fault, and never shown."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.payload_keys import PayloadKey, PayloadKeys, PayloadKeysSetting, read_keys, write_keys
from kit.settings import EXIT_CONFIG, load

ONE, TWO = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()
IDS = st.from_regex(r"[A-Za-z0-9._-]{1,32}", fullmatch=True).filter(lambda text: text != "off")


class TeaSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TEA_")
    payload_keys: PayloadKeysSetting = SecretStr("")


def test_the_first_key_is_the_current_one() -> None:
    keys = read_keys(f"k2:{TWO}, k1:{ONE}")
    assert keys.ids == ("k2", "k1")
    assert keys.current == PayloadKey("k2", b"2" * 32)


def test_without_keys_nothing_is_current() -> None:
    assert read_keys("") == PayloadKeys()
    assert read_keys("").current is None


def test_off_keeps_the_keys_for_reading() -> None:
    keys = read_keys(f"off,k1:{ONE}")
    assert (keys.current, keys.ids) == (None, ("k1",))


@given(
    st.lists(
        st.builds(PayloadKey, IDS, st.binary(min_size=32, max_size=32)),
        max_size=4,
        unique_by=(lambda key: key.id, lambda key: key.secret),
    ),
    st.booleans(),
)
def test_what_is_written_is_read(keys: list[PayloadKey], off: bool) -> None:
    written = PayloadKeys(tuple(keys), off)
    assert read_keys(write_keys(written)) == written


def test_a_key_does_not_show_its_secret() -> None:
    assert "1111" not in repr(read_keys(f"k1:{ONE}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE, "key 1 is not of the form id:base64"),
        ("k1:", "key 1 (k1) has 0 bytes instead of 32"),
        ("k1:c2hvcnQ=", "key 1 (k1) has 5 bytes instead of 32"),
        ("k1:§§", "key 1 (k1) is not base64"),
        (f"{ONE}:k1", "key 1 has no id of at most 32 letters, digits, dots, dashes and underscores"),
        (f"off:{ONE}", "key 1 has the id 'off', which has another meaning"),
        (f"k1:{ONE},", "key 2 is not of the form id:base64"),
        (f"k1:{ONE},k1:{TWO}", "the id k1 stands twice"),
        (f"k1:{ONE},k2:{ONE}", "two ids have the same secret"),
        ("k1:x,k1", "key 1 (k1) is not base64; key 2 is not of the form id:base64"),
    ],
)
def test_every_fault_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        read_keys(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        read_keys(text)
    except ValueError as error:
        assert str(error).startswith(("key ", "the id ", "two ids"))


def test_a_setting_is_masked_when_it_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEA_PAYLOAD_KEYS", f"k1:{ONE}")
    settings = load(TeaSettings)
    assert ONE not in repr(settings)
    assert read_keys(settings.payload_keys).ids == ("k1",)


def test_a_setting_is_masked_when_it_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEA_PAYLOAD_KEYS", f"k1:{ONE}x,{TWO}")
    with pytest.raises(SystemExit) as caught:
        load(TeaSettings)
    assert caught.value.code == EXIT_CONFIG
    said = capsys.readouterr().err
    assert said.startswith("TEA_PAYLOAD_KEYS: *** is wrong: Value error, key 1 (k1) is not base64; key 2")
    assert ONE not in said
    assert TWO not in said
