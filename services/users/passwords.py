"""Password hashes (argon2id), computed beside the event loop: a hash is some 20 ms of pure work."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# The second recommendation of RFC 9106 would take 64 MiB a sign-in; this is OWASP's for servers.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
THREADS = 2


class Argon2Passwords:
    """Hashes and checks passwords. Few threads: under a flood of sign-ins memory and CPU stay bounded, and
    what waits past its deadline is dropped before it has cost anything.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._nobodys = _HASHER.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """What to store instead of the password."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _HASHER.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the one that was hashed. None, for an unknown name, takes as long."""
        known = password_hash or self._nobodys
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _matches, password, known) and known == password_hash


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False
