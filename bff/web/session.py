"""What belongs to one request: who calls, and what has been loaded for them."""

from __future__ import annotations

from dataclasses import dataclass

import strawberry
from graphql import DocumentNode

from bff.web.backends import Backends
from bff.web.loaders import Loaders
from kit.call import Caller
from kit.errors import Problem


@dataclass
class Session:
    """The context of every resolver."""

    backends: Backends
    loaders: Loaders
    document: DocumentNode
    """What was asked for, parsed and checked."""
    who: Caller | Problem
    """The caller; or why there is none, said only by what needs one."""
    last_event_id: int = 0
    """The last event that the client of a stream has seen."""
    event_id: int = 0
    """The number of the event that a stream is at."""

    @property
    def caller(self) -> Caller:
        """The caller. Raises the reason why there is none."""
        if isinstance(self.who, Problem):
            raise self.who
        return self.who


Info = strawberry.Info[Session, None]
