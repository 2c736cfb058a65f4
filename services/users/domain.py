"""The rules of accounts and keys: who may see an account, and which key signs and verifies when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What an account may do; also the `role` of its tokens."""

    CUSTOMER = "customer"
    OPERATOR = "operator"


class Client(StrEnum):
    """The kinds of clients that tokens are for; also the `aud` of the tokens."""

    API = "ordermesh-api"
    WEB = "ordermesh-web"
    MOBILE = "ordermesh-mobile"
    PARTNER = "ordermesh-partner"


@dataclass(frozen=True)
class User:
    """An account."""

    user_id: UUID
    username: str
    email: str
    display_name: str
    role: Role
    create_time: datetime


@dataclass(frozen=True)
class NewCustomer:
    """What a customer's account is opened with."""

    user_id: UUID
    username: str
    email: str
    display_name: str


@dataclass(frozen=True)
class Account:
    """An account with what its password is checked against."""

    user: User
    password_hash: str = field(repr=False)


@dataclass(frozen=True)
class Grant:
    """Which program of a partner a token is for, and what it allows."""

    client_id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Bearer:
    """Who is to carry a token: the account, and the kind of client that it is signed in with."""

    user: User
    client: Client
    grant: Grant | None = None


@dataclass(frozen=True)
class Reader:
    """Who asks to see an account."""

    user_id: UUID
    is_operator: bool


@dataclass(frozen=True)
class Contact:
    """Where and how to address the person behind an account."""

    email: str
    display_name: str


@dataclass(frozen=True)
class Window:
    """The time in which a key signs."""

    sign_from: datetime
    sign_until: datetime


@dataclass(frozen=True)
class SigningKey:
    """A key pair that signs tokens in its window; the public half is a JWK, the private half PEM."""

    kid: str
    window: Window
    public_jwk: str
    private_pem: str = field(repr=False)


@dataclass(frozen=True)
class KeyRules:
    """How long tokens are valid, how long a key signs, and how long verifiers may keep the keys they know."""

    token_lifetime: timedelta
    key_lifetime: timedelta
    kept_by_verifiers: timedelta


@dataclass(frozen=True)
class KeyPlan:
    """What the keys are good for at one moment, and the key that is to be made, if any."""

    signing: SigningKey | None
    published: tuple[SigningKey, ...]
    gone: tuple[SigningKey, ...]
    wanted: Window | None


@dataclass(frozen=True)
class Token:
    """What a sign-in gets."""

    text: str = field(repr=False)
    expire_time: datetime
    lifetime: timedelta = timedelta(0)


class CredentialsInvalid(Exception):
    """The password is wrong or the name unknown; nobody learns which."""

    kind, reason = "unauthenticated", "CREDENTIALS_INVALID"

    def __init__(self) -> None:
        super().__init__("the username or the password is wrong")


class UsernameTaken(Exception):
    """Another account has this name."""

    kind, reason = "refused", "USERNAME_TAKEN"

    def __init__(self, username: str) -> None:
        super().__init__(f"the username {username} is taken; choose another one")
        self.details = {"username": username}


class AccessDenied(Exception):
    """Unknown and foreign accounts look the same, to operators too."""

    kind, reason = "denied", "ACCESS_DENIED"

    def __init__(self) -> None:
        super().__init__("no such thing, or it is not yours")


class ContactNotFound(Exception):
    """There is no such account to write to."""

    kind, reason = "missing", "CONTACT_NOT_FOUND"


def shown_to(reader: Reader, user: User | None) -> User:
    """The account, if there is one and this reader may see it."""
    if user is None or not (reader.is_operator or reader.user_id == user.user_id):
        raise AccessDenied
    return user


def contact_of(user: User | None) -> Contact:
    """Where and how to address an account."""
    if user is None:
        raise ContactNotFound("there is no such account to write to")
    return Contact(user.email, user.display_name)


def plan_keys(keys: Sequence[SigningKey], now: datetime, rules: KeyRules) -> KeyPlan:
    """Which key signs, which are published, which can be forgotten, and the next one to make.

    A key is published from the moment it is made until its last token has expired.
    """
    able = [key for key in keys if key.window.sign_from <= now < key.window.sign_until]
    needed = [key for key in keys if now < key.window.sign_until + rules.token_lifetime]
    return KeyPlan(
        signing=max(able, key=lambda key: key.window.sign_from, default=None),
        published=tuple(needed),
        gone=tuple(key for key in keys if key not in needed),
        wanted=_wanted(keys, now, rules),
    )


def _wanted(keys: Sequence[SigningKey], now: datetime, rules: KeyRules) -> Window | None:
    """The next key follows the last one without a gap. It is made twice as early as verifiers need it, so
    that every copy of the keys which is in use when it begins to sign already has it. When there is no key,
    or none was made for so long that the last has ended, no verifier holds a copy: the new one signs at once.
    """
    last = max((key.window.sign_until for key in keys), default=now)
    if last - now > 2 * rules.kept_by_verifiers:
        return None
    begin = max(last, now)
    return Window(begin, begin + rules.key_lifetime)
