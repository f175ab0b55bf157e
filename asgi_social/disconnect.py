"""/disconnect: unlinks all associations of a backend, or one."""

from starlette.requests import Request
from starlette.responses import Response

from asgi_social.flow import checked_next
from asgi_social.pages import base_path, page, redirect
from asgi_social.pages.visitor import FORM_TOKEN, fields_of, form_token, is_form_token, posts_within_site
from asgi_social.social import RequestSocial


async def disconnect(request: Request, social: RequestSocial, name: str, association_id: str | None = None) -> Response:
    """Unlink on a POST from a page of this site; 303 to ``next``. Anything else gets a page that asks.

    Raises:
        NotSignedIn: Nobody is signed in.
        UnknownBackend: No backend has this name.
        AssociationGone: The id is none of this person's at this backend; the answer does not tell whose it is.
    """
    engine, settings = social.social.engine, social.social.settings
    user_id = await engine.users.require_current(request)
    backend = social.backend(name)
    fields = await fields_of(request)
    next_path = checked_next(fields.get("next")) or base_path(request)
    action, now = f"disconnect/{name}/{association_id or ''}", engine.clock.now()
    if request.method == "POST":
        token = is_form_token(engine.keys, fields.get(FORM_TOKEN), user_id=user_id, action=action, now=now)
        if posts_within_site(request.headers, base=settings.base_of(request.scope), form_token=token):
            await social.disconnect(name, association_id)
            return redirect(next_path)
    which = "this" if association_id else "every"
    return page(
        "ask.html",
        base=base_path(request),
        status=403 if request.method == "POST" else 200,
        form=True,
        title=f"Unlink {which} {backend.title} account?",
        text=f"This app will no longer reach {which} {backend.title} account of yours. Nothing is deleted there.",
        button="Unlink",
        token=form_token(engine.keys, user_id=user_id, action=action, now=now),
        hidden={"next": next_path},
    )
