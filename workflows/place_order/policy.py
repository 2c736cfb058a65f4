"""The steps of the short flow, and how patiently each is asked for.

Which refusals end the tries is the participant's word: a reason in its ErrorInfo (`docs/wire.md`). What gives
no decision is asked again until it does.
"""

from workflows.place_order.activities import OrderActivities
from workflows.steps import Step

RESERVE = Step("reserve", OrderActivities.reserve_stock, "Hold the stock")
CHARGE = Step("charge", OrderActivities.process_payment, "Charge the customer", short=False)
CONFIRM = Step("confirm", OrderActivities.confirm_order, "Confirm the order")
COMMIT = Step("commit", OrderActivities.commit_stock, "Sell the stock")
SEND = Step("send-confirmation", OrderActivities.send_confirmation, "Tell the customer")

RELEASE = Step("release", OrderActivities.release_stock, "Undo: give the stock back")
CANCEL_PAYMENT = Step("cancel-payment", OrderActivities.cancel_payment, "Undo: let no money stay moved")
CLOSE = Step("close", OrderActivities.close_order, "Undo: cancel the order")
