"""The browser's part at the fake provider: it opens the page, and the person presses a button."""

from collections.abc import Mapping

import httpx

from asgi_social.testing.fake_pages import form_on


async def pressed(
    transport: httpx.AsyncBaseTransport, location: str, *, authorize_url: str, button: Mapping[str, str]
) -> httpx.Response:
    """Give the provider's answer that sends the browser back to the app.

    Args:
        transport: How the provider is reached.
        location: Where the app has sent the browser.
        authorize_url: The authorization endpoint; the location must be there.
        button: The name and value of the button that is pressed on the page, where one is shown.

    Raises:
        ValueError: The location is somewhere else, or the provider shows an error and sends nobody back.
    """
    if location.partition("?")[0] != authorize_url:
        raise ValueError(f"the browser is sent to {location.partition('?')[0]}, not to {authorize_url}")
    async with httpx.AsyncClient(transport=transport) as browser:
        answer = await browser.get(location)
        if answer.is_client_error:
            raise ValueError(f"the provider sends nobody back: {_message(answer.text)}")
        if answer.is_redirect:
            return answer
        action, fields = form_on(answer.text)
        # Any other form is the one that goes back to the app.
        return await browser.post(action, data=fields | dict(button)) if action == authorize_url else answer


def _message(page: str) -> str:
    return page.partition("<p>")[2].partition("</p>")[0]
