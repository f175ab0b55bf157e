"""The first page, and the guided first minute on it: what to try, and how far this browser has come."""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from demo_app.club import club_of
from demo_app.pages import page, posted, see_other

_DONE, _HIDDEN = "guide_done", "guide_hidden"
State = Literal["done", "next", "later"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the guide.

    Attributes:
        name: What is written down once it is done.
        title: What to do.
        text: What there is to see.
        button: What the link says.
        path: Where it leads.
    """

    name: str
    title: str
    text: str
    button: str
    path: str


STEPS = (
    Step(
        name="signed-in",
        title="Sign in as a member",
        text="The club has a sign-in of its own, with no password here. The library only reads who it was.",
        button="Sign in",
        path="/sign-in",
    ),
    Step(
        name="linked",
        title="Link an account",
        text="Footfall, Daymark and Tunewell are made up, and run beside the club. You say yes there, and come back.",
        button="Open linked accounts",
        path="/associate/",
    ),
    Step(
        name="data",
        title="See your week",
        text="What the linked services know, fetched at this moment with the tokens that are stored.",
        button="Open your week",
        path="/week",
    ),
    Step(
        name="renewed",
        title="Renew a token",
        text="A token of Footfall lives ten minutes, and the page says how long it has. Press Renew for a new one.",
        button="Go and renew",
        path="/week",
    ),
    Step(
        name="phone",
        title="Sign in from the phone",
        text="A phone app gets a token by itself and sends it in. One that was made for another app is refused.",
        button="Pick up the phone",
        path="/phone",
    ),
    Step(
        name="unlinked",
        title="Unlink an account",
        text="The stored tokens go, and the service is told that they are no longer good.",
        button="Unlink an account",
        path="/associate/",
    ),
)


def done(request: Request, name: str) -> None:
    """Write down that this browser has done a step."""
    known = request.session.get(_DONE, [])
    if name not in known:
        request.session[_DONE] = [*known, name]


async def home(request: Request) -> Response:
    """Show the first page, with the guide unless it was put away."""
    await _look(request)
    known = request.session.get(_DONE, [])
    return page(
        request,
        "home.html",
        steps=_with_states(known),
        count=len(known),
        hidden=request.session.get(_HIDDEN, False),
    )


async def show_or_hide(request: Request) -> Response:
    """Put the guide away, or bring it back."""
    fields = await posted(request)
    request.session[_HIDDEN] = fields.get("guide") == "hide"
    return see_other(request, "/")


async def _look(request: Request) -> None:
    """Write down what the app itself can see to be done."""
    user_id = request.session.get("user_id")
    if user_id is None:
        return
    done(request, "signed-in")
    if await request.state.social.associations():
        done(request, "linked")
    journal = club_of(request).journal
    for step, event in {"linked": "associated", "unlinked": "disconnected"}.items():
        if journal.has(event, user_id=user_id):
            done(request, step)


def _with_states(known: list[str]) -> list[tuple[Step, State]]:
    upcoming = next((step.name for step in STEPS if step.name not in known), None)
    states: list[tuple[Step, State]] = []
    for step in STEPS:
        state: State = "done" if step.name in known else "next" if step.name == upcoming else "later"
        states.append((step, state))
    return states
