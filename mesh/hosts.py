"""Where a node is that says so by a name: proxies are told addresses, and listen on one.

On one machine nodes say an address. In containers they say the name of their host, which is looked up when a
node arrives; one that has moved comes back, for its old stream has ended with its old host.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from ipaddress import ip_address

from kit.errors import Problem
from mesh.proxies import Node

SECONDS = 2.0


async def located(node: Node) -> Node:
    """The node with its host as an address. Raises a Problem if nobody knows the name; it asks again soon."""
    if not node.port or is_address(node.host):
        return node
    try:
        async with asyncio.timeout(SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                node.host, node.port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError) as error:
        raise Problem("unavailable", "HOST_UNKNOWN", f"nobody knows a host {node.host!r}") from error
    return replace(node, host=str(found[0][4][0]))


def is_address(host: str) -> bool:
    """Whether this is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
