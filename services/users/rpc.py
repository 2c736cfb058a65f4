"""The RPCs of UsersService, ClientsService and ContactsService: message, command, use case, message."""

import secrets
from typing import Any
from uuid import UUID

from kit import call
from kit.ids import new_id
from ordermesh.users.v1 import users_service_pb2 as pb
from ordermesh.users.v1 import users_service_pb2_grpc
from services.users import messages, usecases
from services.users.usecases import Keys, Passwords, UnitOfWork

SECRET_BYTES = 32


class UsersServicer(users_service_pb2_grpc.UsersServiceServicer):
    """Serves ordermesh.users.v1.UsersService."""

    def __init__(self, uow: UnitOfWork, passwords: Passwords, keys: Keys) -> None:
        self._uow = uow
        self._passwords = passwords
        self._keys = keys

    async def CreateUser(self, request: pb.CreateUserRequest, context: Any) -> pb.CreateUserResponse:
        """Open a customer's account."""
        command = messages.to_create_user(request, new_id())
        user = await usecases.create_user(command, self._uow, self._passwords)
        return pb.CreateUserResponse(user=messages.from_user(user))

    async def SignIn(self, request: pb.SignInRequest, context: Any) -> pb.SignInResponse:
        """Exchange a username and a password for a token."""
        command = messages.to_sign_in(request)
        token = await usecases.sign_in(command, self._uow, self._passwords, self._keys)
        return messages.from_token(token)

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.GetUserResponse:
        """Read an account."""
        reader = messages.to_reader(call.caller())
        user = await usecases.get_user(UUID(request.user_id), reader, self._uow)
        return pb.GetUserResponse(user=messages.from_user(user))

    async def BatchGetUsers(self, request: pb.BatchGetUsersRequest, context: Any) -> pb.BatchGetUsersResponse:
        """Read several accounts."""
        reader = messages.to_reader(call.caller())
        user_ids = [UUID(user_id) for user_id in request.user_ids]
        users = await usecases.batch_get_users(user_ids, reader, self._uow)
        return pb.BatchGetUsersResponse(users=map(messages.from_user, users))

    async def GetPublicKeys(self, request: pb.GetPublicKeysRequest, context: Any) -> pb.GetPublicKeysResponse:
        """The keys to verify tokens with."""
        return messages.from_keys(await usecases.get_public_keys(self._uow, self._keys))


class ClientsServicer(users_service_pb2_grpc.ClientsServiceServicer):
    """Serves ordermesh.users.v1.ClientsService."""

    def __init__(self, uow: UnitOfWork, keys: Keys) -> None:
        self._uow = uow
        self._keys = keys

    async def CreateClient(self, request: pb.CreateClientRequest, context: Any) -> pb.CreateClientResponse:
        """Register a program of a partner."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        command = messages.to_create_client(request, call.caller().user_id, new_id(), secret)
        return messages.from_client(await usecases.create_client(command, self._uow), command)

    async def IssueClientToken(
        self, request: pb.IssueClientTokenRequest, context: Any
    ) -> pb.IssueClientTokenResponse:
        """Exchange a client's id and secret for a token."""
        command = messages.to_issue_client_token(request)
        return messages.from_client_token(*await usecases.issue_client_token(command, self._uow, self._keys))


class ContactsServicer(users_service_pb2_grpc.ContactsServiceServicer):
    """Serves ordermesh.users.v1.ContactsService."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def GetContact(self, request: pb.GetContactRequest, context: Any) -> pb.GetContactResponse:
        """Where and how to address an account."""
        contact = await usecases.get_contact(UUID(request.user_id), self._uow)
        return messages.from_contact(contact)
