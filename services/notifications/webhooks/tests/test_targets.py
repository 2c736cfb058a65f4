"""Where a webhook may go: the rows of the catalogue of bad input, and what hides behind an address."""

import pytest

from services.notifications.webhooks.targets import Target, UrlRejected, check_addresses, target_of


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://example.com/", "NOT_HTTPS"),
        ("ftp://example.com/", "NOT_HTTPS"),
        ("//example.com/", "NOT_HTTPS"),
        ("example.com", "NOT_HTTPS"),
        ("https://ada:secret@example.com/", "USERINFO"),
        ("https://@example.com/", "USERINFO"),
        ("https://example.com:80/", "PORT_NOT_ALLOWED"),
        ("https://example.com:22/", "PORT_NOT_ALLOWED"),
        ("https://example.com:0/", "PORT_NOT_ALLOWED"),
        ("https://example.com:99999/", "MALFORMED"),
        ("https://example.com:x/", "MALFORMED"),
        ("https:///path", "MALFORMED"),
        ("https://[::1/", "MALFORMED"),
        ("https://[fe80::1%25eth0]/", "MALFORMED"),
        ("https://example.com/#part", "MALFORMED"),
        ("https://exämple.com/", "MALFORMED"),
        ("https://example.com/a b", "MALFORMED"),
        ("https://example.com\\@127.0.0.1/", "MALFORMED"),
        ("https://example.com/\r\nhost: x", "MALFORMED"),
        ("https://example.com/" + "x" * 2029, "TOO_LONG"),
    ],
)
def test_a_url_that_nothing_is_sent_to_is_refused_with_its_cause(url: str, cause: str) -> None:
    with pytest.raises(UrlRejected) as caught:
        target_of(url, local=False)
    assert (caught.value.cause, caught.value.details) == (cause, {"cause": cause})


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("example.com", 443)),
        ("https://EXAMPLE.com:8443/a?b=c", Target("example.com", 8443)),
        ("https://[2606:4700::1111]:443/", Target("2606:4700::1111", 443)),
        ("https://example.com/" + "x" * 2028, Target("example.com", 443)),
    ],
)
def test_a_proper_url_is_taken(url: str, target: Target) -> None:
    assert target_of(url, local=False) == target


def test_locally_plain_http_and_any_port_are_taken() -> None:
    assert target_of("http://localhost:9000/", local=True) == Target("localhost", 9000)
    assert target_of("http://localhost/", local=True) == Target("localhost", 80)
    with pytest.raises(UrlRejected):
        target_of("http://ada@localhost/", local=True)


NOT_OURS_TO_REACH = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", NOT_OURS_TO_REACH)
def test_an_address_that_is_not_public_is_refused_also_among_public_ones(address: str) -> None:
    for addresses in ([address], ["1.1.1.1", address]):
        with pytest.raises(UrlRejected) as caught:
            check_addresses(addresses, local=False)
        assert caught.value.cause == "PRIVATE_TARGET"


def test_public_addresses_are_taken_and_a_name_without_one_is_not() -> None:
    check_addresses(["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"], local=False)
    with pytest.raises(UrlRejected) as caught:
        check_addresses([], local=False)
    assert caught.value.cause == "UNRESOLVABLE"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_locally_loopback_is_taken_and_other_private_networks_are_not(address: str) -> None:
    check_addresses([address], local=True)
    for private in ("10.0.0.1", "169.254.169.254", "fe80::1"):
        with pytest.raises(UrlRejected):
            check_addresses([private], local=True)
