"""Names of workloads in the mesh: SPIFFE ids of one trust domain, one path segment a workload."""

import re

TRUST_DOMAIN = "ordermesh.local"

_WORKLOAD = re.compile(r"[a-z][a-z0-9-]{0,62}")
# What the SPIFFE standard allows; narrower than a URI: no port, user, query, fragment or escape.
_SPIFFE_ID = re.compile(r"spiffe://(?P<domain>[a-z0-9._-]{1,255})(?P<path>(?:/[A-Za-z0-9._-]+)*)")


class NotAnIdentity(ValueError):
    """A text that names no workload of any mesh."""


class OtherTrustDomain(ValueError):
    """A well-formed SPIFFE id of a mesh that is not ours."""


def check_workload(name: str) -> str:
    """The name itself; raises NotAnIdentity if a workload cannot be called that."""
    if not _WORKLOAD.fullmatch(name):
        raise NotAnIdentity(
            f"{name!r} is no workload: up to 63 lower-case letters, digits and dashes, a letter first"
        )
    return name


def spiffe_id(workload: str) -> str:
    """The id of a workload: `orders` is `spiffe://ordermesh.local/orders`."""
    return f"spiffe://{TRUST_DOMAIN}/{check_workload(workload)}"


def workload_of(identity: str) -> str:
    """The workload that a SPIFFE id names; raises NotAnIdentity or OtherTrustDomain."""
    match = _SPIFFE_ID.fullmatch(identity)
    if match is None:
        raise NotAnIdentity(f"{identity!r} is no SPIFFE id: spiffe://<trust domain>/<workload>")
    if match["domain"] != TRUST_DOMAIN:
        raise OtherTrustDomain(f"{identity!r} is of another trust domain than {TRUST_DOMAIN}")
    if not match["path"]:
        raise NotAnIdentity(f"{identity!r} names the trust domain, and no workload")
    return check_workload(match["path"].removeprefix("/"))
