"""Translates between the users domain and its protos, both ways."""

import json
from collections.abc import Sequence
from uuid import UUID

from kit.call import Caller
from kit.requests import request_key
from ordermesh.users.v1 import users_pb2
from ordermesh.users.v1 import users_service_pb2 as pb
from services.users.domain import Client, Contact, NewCustomer, Reader, Role, Token, User
from services.users.usecases import CreateClient, CreateUser, IssueClientToken, SignIn

ANYONE = "anonymous"

_CLIENTS = {
    pb.CLIENT_UNSPECIFIED: Client.API,
    pb.CLIENT_API: Client.API,
    pb.CLIENT_WEB: Client.WEB,
    pb.CLIENT_MOBILE: Client.MOBILE,
}
_ROLES = {Role.CUSTOMER: users_pb2.ROLE_CUSTOMER, Role.OPERATOR: users_pb2.ROLE_OPERATOR}


def to_create_user(request: pb.CreateUserRequest, new_id: UUID) -> CreateUser:
    """The command in a request. Its fingerprint leaves the password out: a fast hash of a password must
    not be stored, nor tell by a mismatch whether a guess was right. A repeat with another password is
    therefore a repeat, and the first password stays.
    """
    public = pb.CreateUserRequest()
    public.CopyFrom(request)
    public.ClearField("password")
    customer = NewCustomer(new_id, request.username, request.email, request.display_name)
    return CreateUser(request_key(ANYONE, public), customer, request.password)


def to_sign_in(request: pb.SignInRequest) -> SignIn:
    """The command in a request."""
    return SignIn(request.username, request.password, _CLIENTS[request.client])


def to_create_client(
    request: pb.CreateClientRequest, operator: UUID, new_id: UUID, secret: str
) -> CreateClient:
    """The command in a request of this operator."""
    return CreateClient(
        key=request_key(operator, request),
        client_id=str(new_id),
        user_id=UUID(request.user_id),
        name=request.name,
        scopes=tuple(request.scopes),
        secret=secret,
    )


def to_issue_client_token(request: pb.IssueClientTokenRequest) -> IssueClientToken:
    """The command in a request."""
    return IssueClientToken(request.client_id, request.secret, tuple(request.scopes))


def to_reader(caller: Caller) -> Reader:
    """The caller as the rules see them."""
    return Reader(caller.user_id, caller.is_operator)


def from_user(user: User) -> users_pb2.User:
    """The account on the wire."""
    message = users_pb2.User(
        user_id=str(user.user_id),
        username=user.username,
        email=user.email,
        display_name=user.display_name,
        role=_ROLES[user.role],
    )
    message.create_time.FromDatetime(user.create_time)
    return message


def from_token(token: Token) -> pb.SignInResponse:
    """The token on the wire."""
    message = pb.SignInResponse(token=token.text)
    message.expire_time.FromDatetime(token.expire_time)
    return message


def from_client(client_id: str, command: CreateClient) -> pb.CreateClientResponse:
    """The client on the wire; a repeat has made a secret that is nobody's."""
    return pb.CreateClientResponse(
        client_id=client_id, secret=command.secret if client_id == command.client_id else ""
    )


def from_client_token(token: Token, scopes: Sequence[str]) -> pb.IssueClientTokenResponse:
    """The token of a client on the wire."""
    message = pb.IssueClientTokenResponse(token=token.text, scopes=scopes)
    message.lifetime.FromTimedelta(token.lifetime)
    return message


def from_keys(jwks: str) -> pb.GetPublicKeysResponse:
    """The public keys on the wire, in both of their forms."""
    keys = [pb.PublicKey(**key) for key in json.loads(jwks)["keys"]]
    return pb.GetPublicKeysResponse(jwks=jwks, keys=keys)


def from_contact(contact: Contact) -> pb.GetContactResponse:
    """The contact data on the wire."""
    return pb.GetContactResponse(email=contact.email, display_name=contact.display_name)
