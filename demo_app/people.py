"""Who is in the club, and the app's own sign-in, in which asgi_social has no part."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from demo_app.pages import PERSON, here, page, posted, see_other


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the app: what ``do_auth`` gives here.

    Attributes:
        id: What the session holds, and what is stored with a linked account.
        name: For people.
        account: What this person is called at other services.
        role: What they are to the club.
        is_operator: Whether they may see how all links are doing.
        is_active: Whether the app lets this person in.
    """

    id: str
    name: str
    account: str
    role: str = "Member"
    is_operator: bool = False
    is_active: bool = True


PEOPLE = {
    person.id: person
    for person in (
        Person(id="1", name="Amina Diallo", account="amina"),
        Person(id="2", name="Bruno Keller", account="bruno"),
        Person(id="3", name="Layla Haddad", account="layla"),
        Person(id="4", name="Chiara Neri", account="chiara", role="Coach and operator", is_operator=True),
    )
}


def signed_in(request: Request) -> Person | None:
    """Give who is signed in, or None."""
    return PEOPLE.get(request.session.get("user_id", ""))


async def sign_in_page(request: Request) -> Response:
    """Ask who it is; there are no passwords here."""
    return page(request, "sign_in.html", people=PEOPLE.values(), next=here(request.query_params.get("next")))


async def sign_in(request: Request) -> Response:
    """Put the person's id into the session, where the engine finds it."""
    fields = await posted(request)
    person = PEOPLE.get(fields.get("person", ""))
    if person is None:
        raise HTTPException(400, "The club has no such member.")
    request.session["user_id"] = person.id
    request.session[PERSON] = person.name
    return see_other(request, here(fields.get("next")), f"Hello, {person.name}. You are signed in.")


async def sign_out(request: Request) -> Response:
    """Forget who it was; the linked accounts stay."""
    await posted(request)
    request.session.pop("user_id", None)
    request.session.pop(PERSON, None)
    return see_other(request, "/", "You are signed out. Your linked accounts stay linked.")
