"""The document that a request has brought was parsed and checked before it came here: no second time."""

from __future__ import annotations

from collections.abc import Iterator

from strawberry.extensions import SchemaExtension


class Prepared(SchemaExtension):
    """Takes the document from the session."""

    def on_operation(self) -> Iterator[None]:
        """Before the operation; it stands in the session, see `endpoint`."""
        self.execution_context.graphql_document = self.execution_context.context.document
        self.execution_context.validation_rules = ()
        yield
