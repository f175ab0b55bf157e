"""Google's One Tap posts to an endpoint of the app: the double-submit cookie."""

from typing import Any

import pytest

from asgi_social import FlowRefused, one_tap_credential

FORM = {"g_csrf_token": "a-value-of-googles-script", "credential": "an.id.token"}
COOKIES = {"g_csrf_token": "a-value-of-googles-script", "session": "of the app"}


def test_the_id_token_of_a_post_whose_field_is_the_cookies_is_given() -> None:
    assert one_tap_credential(FORM, COOKIES) == "an.id.token"


@pytest.mark.parametrize(
    ("form", "cookies", "reason"),
    [
        pytest.param(FORM, {}, "missing", id="no cookie, as from another site"),
        pytest.param(FORM | {"g_csrf_token": ""}, {"g_csrf_token": ""}, "missing", id="an empty cookie"),
        pytest.param({"g_csrf_token": FORM["g_csrf_token"]}, COOKIES, "missing", id="no ID token"),
        pytest.param(FORM | {"credential": ""}, COOKIES, "missing", id="an empty ID token"),
        pytest.param(FORM | {"credential": object()}, COOKIES, "missing", id="a file"),
        pytest.param(FORM | {"g_csrf_token": "another"}, COOKIES, "state", id="another value"),
        pytest.param(FORM | {"g_csrf_token": "ü"}, COOKIES, "state", id="no ASCII"),
        pytest.param(FORM | {"g_csrf_token": object()}, COOKIES, "state", id="a file as the value"),
        pytest.param({"credential": "an.id.token"}, COOKIES, "state", id="no field"),
    ],
)
def test_any_other_post_is_refused(form: dict[str, Any], cookies: dict[str, str], reason: str) -> None:
    with pytest.raises(FlowRefused) as caught:
        one_tap_credential(form, cookies)

    assert caught.value.reason == reason
    assert "an.id.token" not in str(caught.value)
