"""Where a webhook may go: rules of URLs and of addresses, so that nobody reaches our own network through us.

A URL is judged when it is registered; the addresses behind its name then, and again by whoever dials one.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

LONGEST_URL = 2048
PORTS = frozenset({443, 8443})
TUNNELS = tuple(ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"))
"""Addresses that carry an IPv4 address inside, which somebody on the way would dial."""

CAUSES = {
    "TOO_LONG": f"must have at most {LONGEST_URL} characters",
    "MALFORMED": "must be an absolute URL of visible ASCII characters, without a fragment",
    "NOT_HTTPS": "must begin with https://",
    "USERINFO": "must not have a user name or password in it",
    "PORT_NOT_ALLOWED": "must use the port 443 or 8443",
    "UNRESOLVABLE": "its host has no address",
    "PRIVATE_TARGET": "its host must have public addresses only",
}


class UrlRejected(Exception):
    """No webhook goes there; the cause says what to change."""

    kind, reason = "invalid", "WEBHOOK_URL_REJECTED"
    field = "url"

    def __init__(self, cause: str) -> None:
        super().__init__(f"url: {CAUSES[cause]}")
        self.cause = cause
        self.details = {"cause": cause}


@dataclass(frozen=True)
class Target:
    """What to dial."""

    host: str
    port: int


def target_of(url: str, *, local: bool) -> Target:
    """What a URL dials. Raises UrlRejected. With `local` plain HTTP and any port are taken too."""
    if len(url) > LONGEST_URL:
        raise UrlRejected("TOO_LONG")
    if not url.isascii() or any(each <= " " or each in '\x7f\\#"<>' for each in url):
        raise UrlRejected("MALFORMED")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UrlRejected("MALFORMED") from error
    if parts.scheme not in (("https", "http") if local else ("https",)):
        raise UrlRejected("NOT_HTTPS")
    if "@" in parts.netloc:
        raise UrlRejected("USERINFO")
    if not host or "%" in host:
        raise UrlRejected("MALFORMED")
    chosen = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    if not local and chosen not in PORTS:
        raise UrlRejected("PORT_NOT_ALLOWED")
    return Target(host, chosen)


def check_addresses(addresses: list[str], *, local: bool) -> None:
    """Raises UrlRejected unless all of a host's addresses may be dialled: one bad one spoils the name."""
    if not addresses:
        raise UrlRejected("UNRESOLVABLE")
    if not all(_may_dial(ip_address(each.partition("%")[0]), local) for each in addresses):
        raise UrlRejected("PRIVATE_TARGET")


def _may_dial(address: IPv4Address | IPv6Address, local: bool) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in TUNNELS if network.version == address.version):
        return False
    if local and address.is_loopback:
        return True
    return address.is_global and not (address.is_multicast or address.is_reserved)
