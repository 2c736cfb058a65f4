"""Pages, by Relay's specification of connections, forward only. A cursor is the page token of the service,
which is known of the last entry of a page only: there the next page begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import strawberry

T = TypeVar("T")


@strawberry.type(description="Where a page ends.")
class PageInfo:
    """As Relay has it."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None = strawberry.field(description="Ask for what comes `after` it; null at the end.")


@strawberry.type(description="One entry of a page.")
class Edge(Generic[T]):
    """As Relay has it."""

    node: T
    cursor: str | None = strawberry.field(description="Null, but at the last entry before another page.")


@strawberry.type(description="A page.")
class Connection(Generic[T]):
    """As Relay has it."""

    edges: list[Edge[T]]
    nodes: list[T] = strawberry.field(description="The nodes of the edges.")
    page_info: PageInfo


def page_of(nodes: Sequence[T], next_token: str, after: str | None) -> Connection[T]:
    """A page of these nodes, with the token of the next one, if there is one."""
    last = len(nodes) - 1
    end = next_token or None
    return Connection(
        edges=[Edge(node=node, cursor=end if place == last else None) for place, node in enumerate(nodes)],
        nodes=list(nodes),
        page_info=PageInfo(
            has_next_page=end is not None,
            has_previous_page=bool(after),
            start_cursor=end if last == 0 else None,
            end_cursor=end,
        ),
    )
