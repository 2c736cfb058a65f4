"""What a saga lets be searched for in Temporal beside what its starter set. Never encrypted."""

from temporalio.common import SearchAttributeKey

ORDER_STATE = SearchAttributeKey.for_keyword("OrderState")
