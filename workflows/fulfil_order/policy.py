"""The steps of the long flow beside those of the short one, and how patiently each is asked for."""

from workflows.fulfil_order.activities import FulfilActivities
from workflows.steps import Step

AUTHORISE = Step("authorise", FulfilActivities.authorise_payment, "Set the money aside", short=False)
ASK_APPROVAL = Step("await-approval", FulfilActivities.await_approval, "Say that a person has to approve")
RESUME = Step("resume", FulfilActivities.resume_order, "Say that a person has approved")
BOOK = Step("book-shipment", FulfilActivities.book_shipment, "Book the carrier")
CAPTURE = Step("capture", FulfilActivities.capture_payment, "Take the money", short=False)
DISPATCH = Step("dispatch-shipment", FulfilActivities.dispatch_shipment, "Hand over to the carrier")
SHIP = Step("ship", FulfilActivities.ship_order, "Say that it is with the carrier")
DELIVER = Step("deliver", FulfilActivities.deliver_order, "Say that it is with the customer")

CANCEL_SHIPMENT = Step("cancel-shipment", FulfilActivities.cancel_shipment, "Undo: cancel the shipment")
