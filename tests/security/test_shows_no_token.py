"""What an app can print, dump or send of our objects holds no token (row SR-S06)."""

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

import pytest

import asgi_social
from asgi_social import NeedsReauth, SocialError
from asgi_social.refresh.sweep import Swept
from tests.app import KEY
from tests.engines import request_of
from tests.renewing import REVOKED, Acme, Linked, at
from tests.security.loud import every_form, everything_of

SECRETS = ("access-0", "access-1", "refresh-0", "refresh-1", "a-secret", KEY)

SHOWN: dict[str, Callable[[Any], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda one: f"{one} {one!s:>10} {one!r}",
    "percent": lambda one: "%s %r" % (one, one),  # noqa: UP031  # as logging formats
    "vars": vars,
    "dir": lambda one: [repr(getattr(one, name)) for name in dir(one) if not name.startswith("_")],
    "asdict": asdict,
    "json": json.dumps,
    "json by str": lambda one: json.dumps(one, default=str),
    "json by vars": lambda one: json.dumps(one, default=vars),
    "pickle": pickle.dumps,
    "copy": lambda one: repr(copy.copy(one)),
}


def objects_of(there: Linked, error: SocialError) -> Iterator[object]:
    """Give an instance of each public class that an app gets while it works with tokens."""
    social = there.social
    bound = social.bound(request_of("ada"))
    yield from (
        social,
        bound,
        social.backends()[0],
        bound.backend("acme"),
        there.association,
        there.association.account,
    )
    yield from (*there.events, Swept(renewed=1), error, social.settings, social.engine, social.engine.renewals)
    yield from (social.engine.keys, social.engine.renewals.attempts.keeper, social.engine.transport)


@pytest.mark.parametrize("way", SHOWN)
async def test_sr_s06_no_object_of_ours_shows_a_token_by_any_way_of_showing(way: str) -> None:
    acme = Acme()
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        await there.at_rest()
        acme.answers = [REVOKED]
        with pytest.raises(NeedsReauth) as raised:
            await renewed.refresh_token()
        await there.at_rest()
        there.association = renewed
        row = await there.row()
        shown = [_shown(SHOWN[way], one) for one in (*objects_of(there, raised.value), row)]

    found = [text for text in shown for secret in SECRETS if any(form in text for form in every_form(secret))]
    assert found == []
    assert any(shown) or way in {"pickle", "json"}


def _shown(way: Callable[[Any], object], one: object) -> str:
    """Give what a way shows of an object; nothing where it refuses."""
    if way is vars and is_dataclass(one) and not hasattr(one, "__dict__"):
        return ""
    try:
        return repr(way(one))
    except (TypeError, ValueError, AttributeError) as refusal:
        return "".join(everything_of(refusal))


async def test_sr_s06_an_association_is_not_pickled_for_its_tokens_would_go_along() -> None:
    async with at(Acme()) as there:
        with pytest.raises(TypeError):
            pickle.dumps(there.association)


async def test_sr_s06_the_token_is_there_by_the_method_that_gives_it() -> None:
    async with at(Acme()) as there:
        assert await there.association.get_access_token() == "access-0"
        assert not [name for name in dir(there.association) if "token" in name and name not in _METHODS]


_METHODS = {"refresh_token", "get_access_token"}


def test_sr_s06_each_public_class_is_shown_above_or_never_holds_a_token() -> None:
    errors = {name for name in asgi_social.__all__ if _is_error(getattr(asgi_social, name))}
    shown = {"Social", "RequestSocial", "Backend", "Association", "Event"}
    assert set(asgi_social.__all__) - errors - shown == {
        *("Account", "User", "SocialMiddleware", "Swept", "error_response", "one_tap_credential"),
    }


def _is_error(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, SocialError)
