"""Google's One Tap and button in redirect mode: the form that they post to an app's own endpoint (``login_uri``)."""

from collections.abc import Mapping

from asgi_social.errors import FlowRefused
from asgi_social.secret import same

_FIELD = "g_csrf_token"


def one_tap_credential(form: Mapping[str, object], cookies: Mapping[str, str]) -> str:
    """Give the ID token that Google's One Tap posted, once the post is shown to come from a page of the app.

    Any site can post a form here, with an ID token of its own choice, and so sign the visitor in as somebody else.
    Google's script therefore sets a cookie on the app's own page and posts its value too (double submit)::

        credential = one_tap_credential(await request.form(), request.cookies)
        user = await request.state.social.backend("google-onetap").do_auth(id_token=credential, once=True)

    Args:
        form: The posted fields.
        cookies: The request's.

    Raises:
        FlowRefused: ``missing``: there is no cookie, or no ID token; ``state``: the field is another than the cookie.

    Source: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
    """
    sent, kept, credential = form.get(_FIELD), cookies.get(_FIELD), form.get("credential")
    if not kept or not isinstance(credential, str) or not credential:
        raise FlowRefused(
            "the post holds no ID token of Google, or comes without the cookie g_csrf_token",
            hint="the page with Google's script and its login_uri must be of one host, and cookies allowed",
            reason="missing",
        )
    if not isinstance(sent, str) or not same(sent, kept):
        raise FlowRefused(
            "the post's g_csrf_token is not that of the cookie",
            hint="start again on the app's own page",
            reason="state",
        )
    return credential
