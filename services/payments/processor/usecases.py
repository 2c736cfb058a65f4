"""What the card processor does when it is asked: load, decide, record, in one transaction."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from services.payments.processor import domain
from services.payments.processor.domain import Charge, Decision, Fault, ProcessorUnavailable, State

Rule = Callable[[Charge], Decision]


@dataclass(frozen=True)
class CreateCharge:
    """Charge this much under this key."""

    key: str
    amount_minor: int
    currency_code: str
    payment_token: str = field(repr=False)


class CreateAuthorization(CreateCharge):
    """Set this much aside under this key."""


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def charge(self, key: str) -> Charge:
        """What the ledger has under a key, locked."""

    async def attempt(self, key: str) -> tuple[Charge, int]:
        """Count one more try of a key; its charge, locked, and which try it is, from 1."""

    async def attempt_capture(self, key: str) -> tuple[Charge, int]:
        """The same for the tries to capture."""

    async def record(self, decision: Decision) -> None:
        """Write what was decided."""

    async def read_charge(self, key: str) -> Charge:
        """What the ledger has under a key; raises ChargeNotFound."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well."""

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


async def create_charge(command: CreateCharge, uow: UnitOfWork) -> Decision:
    """Charge once a key, with the faults of the test card."""

    def rule(found: Charge) -> Decision:
        return domain.charge(found, command.amount_minor, command.currency_code, command.payment_token)

    return await _first(command, rule, uow)


async def create_authorization(command: CreateAuthorization, uow: UnitOfWork) -> Decision:
    """Set money aside once a key, with the faults of the test card."""

    def rule(found: Charge) -> Decision:
        return domain.authorize(found, command.amount_minor, command.currency_code, command.payment_token)

    return await _first(command, rule, uow)


async def _first(command: CreateCharge, rule: Rule, uow: UnitOfWork) -> Decision:
    async with uow.begin() as tx:
        found, attempts = await tx.attempt(command.key)
        fault = domain.fault(command.payment_token, attempts)
        if found.state is not State.NONE or not fault:
            return await _recorded(rule(found), tx)
    return await _with_fault(found, fault, rule, uow)


async def capture_authorization(key: str, uow: UnitOfWork) -> Decision:
    """Move what was set aside, once, with the faults of the card that it was authorised with."""
    async with uow.begin() as tx:
        found, attempts = await tx.attempt_capture(key)
        fault = domain.capture_fault(found.payment_token, attempts)
        if found.state is not State.AUTHORIZED or not fault:
            return await _recorded(domain.capture(found), tx)
    return await _with_fault(found, fault, domain.capture, uow)


async def _with_fault(found: Charge, fault: Fault, rule: Rule, uow: UnitOfWork) -> Decision:
    """Outside a transaction: a slow card keeps nobody else from the key."""
    if fault.no_effect:
        return Decision(found, refusal=ProcessorUnavailable("a bad moment; repeat with the same key"))
    await asyncio.sleep(fault.seconds)
    async with uow.begin() as tx:
        decision = await _recorded(rule(await tx.charge(found.key)), tx)
    if fault.reply_lost:
        return Decision(found, refusal=ProcessorUnavailable("the answer is lost; repeat with the same key"))
    return decision


async def _recorded(decision: Decision, tx: Transaction) -> Decision:
    await tx.record(decision)
    return decision


async def void_charge(key: str, uow: UnitOfWork) -> Charge:
    """Kill a key."""
    async with uow.begin() as tx:
        decision = domain.void(await tx.charge(key))
        await tx.record(decision)
    return decision.answer()


async def refund_charge(key: str, uow: UnitOfWork) -> Charge:
    """Pay a charge back, once."""
    async with uow.begin() as tx:
        decision = domain.refund(await tx.charge(key))
        await tx.record(decision)
    return decision.answer()


async def get_charge(key: str, uow: UnitOfWork) -> Charge:
    """Read a charge."""
    async with uow.statement() as tx:
        return await tx.read_charge(key)
