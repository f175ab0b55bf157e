"""The people who have accounts at the fake provider, and what it tells of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with an account at the fake provider.

    Attributes:
        sub: The subject, which names the account and never changes.
        username: What the person is called at the provider (``preferred_username``); it may change.
        email: An address, or None.
        email_verified: Whether the provider vouches for the address.
        name: The whole name as the person writes it, or None.
        given_name: Or None.
        family_name: Or None.
        picture: The URL of one, or None.
    """

    sub: str
    username: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    picture: str | None = None


PEOPLE: tuple[Person, ...] = (
    Person(
        sub="person-1",
        username="ada",
        email="ada@people.example",
        email_verified=True,
        name="Ada Lovelace",
        given_name="Ada",
        family_name="Lovelace",
        picture="https://people.example/ada.png",
    ),
    Person(
        sub="person-2",
        username="layla",
        email="layla@people.example",
        email_verified=True,
        name="ليلى حدّاد",
        given_name="ليلى",
        family_name="حدّاد",
        picture="https://people.example/layla.png",
    ),
    Person(
        sub="person-3",
        username="grace",
        email="grace@people.example",
        email_verified=False,
        name="Grace Hopper",
        given_name="Grace",
        family_name="Hopper",
    ),
)

CLAIMS: Mapping[str, tuple[str, ...]] = {
    "profile": ("name", "given_name", "family_name", "preferred_username", "picture"),
    "email": ("email", "email_verified"),
}


def one_of(people: Sequence[Person], who: str | Person) -> Person:
    """Give one of the people, by username, sub, or themselves.

    Raises:
        LookupError: That one has no account here; the message says who has.
    """
    for person in people:
        if who in (person, person.username, person.sub):
            return person
    raise LookupError(f"{who!r} has no account here; {', '.join(person.username for person in people)} have")


def claims_of(person: Person, *, scope: Collection[str]) -> dict[str, object]:
    """Give the claims that a scope opens; ``sub`` always, and none that the person has nothing for.

    Source: OpenID Connect Core section 5.4.
    """
    known: dict[str, object] = {
        "name": person.name,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "preferred_username": person.username,
        "picture": person.picture,
        "email": person.email,
        "email_verified": person.email_verified if person.email else None,
    }
    opened = [claim for word, claims in CLAIMS.items() if word in scope for claim in claims]
    return {"sub": person.sub} | {claim: known[claim] for claim in opened if known[claim] is not None}
