"""What sagas can be searched by in Temporal. Never encrypted: opaque ids and amounts only."""

from temporalio.common import SearchAttributeKey

ORDER_STATE = SearchAttributeKey.for_keyword("OrderState")
CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
ORDER_TOTAL = SearchAttributeKey.for_int("OrderTotal")
"""In minor units of its currency."""
COORDINATION = SearchAttributeKey.for_keyword("Coordination")
