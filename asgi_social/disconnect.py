"""/disconnect: unlinks all associations of a backend, or one."""

from starlette.requests import Request
from starlette.responses import Response

from asgi_social.flow import checked_next
from asgi_social.pages import base_path, redirect
from asgi_social.pages.asking import Action, ask, is_asked_for
from asgi_social.pages.message import tell
from asgi_social.pages.overview import label_of
from asgi_social.pages.visitor import fields_of
from asgi_social.social import RequestSocial


async def disconnect(request: Request, social: RequestSocial, name: str, association_id: str | None = None) -> Response:
    """Unlink on a POST from a page of this site; 303 to ``next``. Anything else gets a page that asks.

    Raises:
        NotSignedIn: Nobody is signed in.
        UnknownBackend: No backend has this name.
        AssociationGone: The id is none of this person's at this backend; the answer does not tell whose it is.
    """
    user_id = await social.social.engine.users.require_current(request)
    backend = social.backend(name)
    fields = await fields_of(request)
    next_path = checked_next(fields.get("next")) or base_path(request)
    which = f"this {backend.title} account" if association_id else f"every {backend.title} account"
    reached = f"this {backend.title} account" if association_id else f"any {backend.title} account of yours"
    action = Action(
        name=f"disconnect/{name}/{association_id or ''}",
        user_id=user_id,
        title=f"Unlink {which}?",
        text=f"This app will no longer reach {reached}. Nothing is deleted there.",
        button="Unlink",
        hidden={"next": next_path},
    )
    if not is_asked_for(action, request, social, fields):
        return ask(action, request, social)
    gone = await social.disconnect(name, association_id)
    response = redirect(next_path)
    if gone:
        one = f"{backend.title} account {label_of(gone[0])} is unlinked"
        text = one if len(gone) == 1 else f"{len(gone)} {backend.title} accounts are unlinked"
        tell(text, response, request, social, user_id=user_id)
    return response
