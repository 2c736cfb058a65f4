"""Builds the worker: constructors, top to bottom."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from kit.background import Background
from kit.channels import Peer
from kit.payload_keys import read_keys
from kit.payloads import data_converter
from kit.run import App
from kit.temporal import Temporal, WorkerEngine
from workflows.fulfil_order.activities import FulfilActivities
from workflows.fulfil_order.workflow import FulfilOrder
from workflows.place_order.activities import OrderActivities
from workflows.place_order.workflow import PlaceOrder
from workflows.settings import Settings


def build(settings: Settings) -> App:
    """The whole worker, not started yet."""
    orders = Peer("orders", settings.orders_address)
    inventory = Peer("inventory", settings.inventory_address)
    payments = Peer("payments", settings.payments_address)
    notifications = Peer("notifications", settings.notifications_address)
    shipping = Peer("shipping", settings.shipping_address)
    temporal = Temporal(
        settings.temporal_address,
        settings.temporal_namespace,
        converter=data_converter(read_keys(settings.payload_keys)),
        metrics_address=settings.metrics_address,
        lazy=False,
    )
    short = OrderActivities(orders, inventory, payments, notifications)
    long = FulfilActivities(orders, payments, shipping)

    def worker(client: Client) -> Worker:
        return Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[PlaceOrder, FulfilOrder],
            activities=[*activities_of(short), *activities_of(long)],
            deployment_config=version(settings),
            # The sandbox takes half of the worker's time. It watches in all tests of workflows; what it
            # cannot see, the replayed histories do.
            workflow_runner=UnsandboxedWorkflowRunner(),
            graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        )

    return App(
        engine=WorkerEngine(temporal, worker),
        tokens=None,
        servicers={},
        background=Background(),
        peers=[orders, inventory, payments, notifications, shipping],
    )


def version(settings: Settings) -> WorkerDeploymentConfig | None:
    """Which version the worker is, if it is any: what it begins, it alone goes on with (ADR 14).

    Said here and not at the workflows: there a worker without versions could not complete their tasks.
    """
    if not settings.build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def activities_of(steps: object) -> list[Callable[..., Any]]:
    """Every method of it that is an activity."""
    methods = [getattr(steps, name) for name in dir(steps) if not name.startswith("_")]
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
