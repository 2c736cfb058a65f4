"""A real Temporal keeps ciphertext only; its UI and command line see what it is, by the codec server."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import ParseDict
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from kit.payload_keys import PayloadKey, PayloadKeys, read_keys
from kit.payloads import data_converter
from ops import plans, probes, topology
from ops.part import Part
from ops.site import Site
from ops.tests.steep import Steep
from ordermesh.orders.v1 import orders_pb2

pytestmark = pytest.mark.processes
QUEUE = "tea"
SECRET = "Earl-Grey"
ORDER = orders_pb2.Order(order_id=str(uuid.uuid4()), reason=SECRET)
LATER = PayloadKey("k2", b"2" * 32)


@asynccontextmanager
async def running(site: Site, part: Part) -> AsyncIterator[None]:
    """The part as the suite runs it."""
    environment = plans.base_environment(site, os.environ) | dict(part.environment)
    log = (site.directory / "logs" / f"{part.name}.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *part.command, cwd=site.root, env=environment, stdout=log, stderr=log
    )
    try:
        reason = await probes.wait_ready(
            site, part, 40, lambda: None if process.returncode is None else f"ended: {process.returncode}"
        )
        assert reason is None, reason
        yield
    finally:
        log.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture
async def temporal(encrypting: Site) -> AsyncIterator[Site]:
    """Temporal and the codec server, with the key k1."""
    if not encrypting.programs.temporal.is_file():
        pytest.skip("no Temporal is installed")
    parts = {part.name: part for part in topology.all_parts(encrypting)}
    async with AsyncExitStack() as stack:
        for name in ("temporal", "codec"):
            await stack.enter_async_context(running(encrypting, parts[name]))
        yield encrypting


async def client(site: Site, keys: PayloadKeys) -> Client:
    return await Client.connect(site.address("temporal"), data_converter=data_converter(keys))


async def start(temporal: Client, *, fail: bool = False) -> WorkflowHandle[Any, Any]:
    identity = str(uuid.uuid4())
    return await temporal.start_workflow(Steep.run, args=[ORDER, fail], id=identity, task_queue=QUEUE)


async def kept(site: Site, handle: WorkflowHandle[Any, Any]) -> bytes:
    """The whole history, as a client without keys gets it."""
    reader = (await client(site, PayloadKeys())).get_workflow_handle(handle.id)
    history = await reader.fetch_history()
    return b"".join(event.SerializeToString() for event in history.events)


async def shown_by_the_command_line(site: Site, handle: WorkflowHandle[Any, Any]) -> str:
    arguments = ("workflow", "show", "--workflow-id", handle.id, "--output", "json")
    process = await asyncio.create_subprocess_exec(
        str(site.programs.temporal), *arguments,
        "--address", site.address("temporal"), "--codec-endpoint", f"http://{site.address('codec')}",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return "\n".join(
        base64.b64decode(data).decode() for data in re.findall(r'"data": "(.+)"', output.decode())
    )


async def answered(http: httpx.AsyncClient, url: str) -> Any:
    """What the UI answers once it has reached the server behind it, which may be after its own start."""
    async with asyncio.timeout(20):
        while (answer := await http.get(url)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return answer.json()


async def shown_by_the_ui(site: Site, handle: WorkflowHandle[Any, Any]) -> list[Any]:
    """What its page does: settings, then the history, then a question to the codec server."""
    ui = f"http://127.0.0.1:{site.ports['temporal_ui']}"
    async with httpx.AsyncClient() as http:
        endpoint = (await http.get(f"{ui}/api/v1/settings")).json()["Codec"]["Endpoint"]
        history = await answered(http, f"{ui}/api/v1/namespaces/default/workflows/{handle.id}/history")
        first = history["history"]["events"][0]["workflowExecutionStartedEventAttributes"]
        asked = await http.post(
            f"{endpoint}/decode", json=first["input"], headers={"X-Namespace": "default", "Origin": ui}
        )
    assert asked.status_code == 200, asked.text
    return await data_converter().decode(ParseDict(asked.json(), Payloads()).payloads)


async def test_history_is_ciphertext_and_the_ui_shows_what_it_is(temporal: Site) -> None:
    with_key = await client(temporal, read_keys(temporal.payload_keys))
    async with Worker(with_key, task_queue=QUEUE, workflows=[Steep]):
        handle = await start(with_key)
        assert await handle.result() == ORDER
        failed = await start(with_key, fail=True)
        with pytest.raises(WorkflowFailureError) as caught:
            await failed.result()
    assert str(caught.value.cause) == f"SPILT: spilt {SECRET}"
    for each in (handle, failed):
        history = await kept(temporal, each)
        assert SECRET.encode() not in history
        assert b"orderId" not in history
        assert b"binary/encrypted" in history
    assert await shown_by_the_ui(temporal, handle) == [ORDER, False]
    assert f"spilt {SECRET}" in await shown_by_the_command_line(temporal, failed)


async def first_failed_task(reader: Client, handle: WorkflowHandle[Any, Any]) -> str:
    """Why a task of the workflow failed; the words are encrypted too, with the worker's own key."""
    events = reader.get_workflow_handle(handle.id).fetch_history_events(wait_new_event=True)
    async for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failure = event.workflow_task_failed_event_attributes.failure
            return str(await reader.data_converter.decode_failure(failure))
    return "the workflow ended"


async def test_a_worker_without_the_key_holds_a_workflow_up_and_does_not_end_it(temporal: Site) -> None:
    """Keys may reach the parts one after the other: what is not readable yet is tried again."""
    old = read_keys(temporal.payload_keys)
    starter = await client(temporal, PayloadKeys((LATER, *old.keys)))
    behind = await client(temporal, old)
    handle = await start(starter)
    async with Worker(behind, task_queue=QUEUE, workflows=[Steep]), asyncio.timeout(20):
        said = await first_failed_task(behind, handle)
    assert said.endswith("a payload is encrypted with the key k2; the keys here are: k1")
    async with Worker(starter, task_queue=QUEUE, workflows=[Steep]), asyncio.timeout(30):
        assert await handle.result() == ORDER
