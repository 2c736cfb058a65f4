"""Builds the worker: constructors, top to bottom."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from kit.background import Background
from kit.channels import Peer
from kit.payload_keys import read_keys
from kit.payloads import data_converter
from kit.run import App
from kit.temporal import Temporal, WorkerEngine
from workflows.place_order.activities import OrderActivities
from workflows.place_order.workflow import PlaceOrder
from workflows.settings import Settings


def build(settings: Settings) -> App:
    """The whole worker, not started yet."""
    orders = Peer("orders", settings.orders_address)
    inventory = Peer("inventory", settings.inventory_address)
    payments = Peer("payments", settings.payments_address)
    notifications = Peer("notifications", settings.notifications_address)
    temporal = Temporal(
        settings.temporal_address,
        settings.temporal_namespace,
        converter=data_converter(read_keys(settings.payload_keys)),
        metrics_address=settings.metrics_address,
        lazy=False,
    )
    steps = OrderActivities(orders, inventory, payments, notifications)

    def worker(client: Client) -> Worker:
        return Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[PlaceOrder],
            activities=[
                steps.reserve_stock,
                steps.release_stock,
                steps.commit_stock,
                steps.process_payment,
                steps.cancel_payment,
                steps.confirm_order,
                steps.close_order,
                steps.send_confirmation,
            ],
            graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        )

    return App(
        engine=WorkerEngine(temporal, worker),
        tokens=None,
        servicers={},
        background=Background(),
        peers=[orders, inventory, payments, notifications],
    )
