"""The parts of an engine, and the row of an association with what can be done with it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from asgi_social.association import Association
from asgi_social.background import Background
from asgi_social.client_tokens import ClientTokens
from asgi_social.clock import Clock
from asgi_social.events import Events
from asgi_social.refresh.renewals import Renewals
from asgi_social.secret import Keys
from asgi_social.storage.repository import Repository, StoredAssociation
from asgi_social.transport import Transport
from asgi_social.users import SignUp, Users
from asgi_social.vault import account_of

UserId = TypeVar("UserId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine(Generic[UserId]):
    """The parts that every backend works with, made once by ``Social``."""

    repository: Repository
    transport: Transport
    background: Background
    renewals: Renewals
    users: Users[UserId]
    client_tokens: ClientTokens
    events: Events
    keys: Keys
    clock: Clock
    sign_up: SignUp

    def association(self, row: StoredAssociation) -> Association[UserId]:
        """Give a row what can be done with it."""
        account = account_of(row, keys=self.keys)
        return Association(row, account, self.renewals, self.transport, self.users.typed)
