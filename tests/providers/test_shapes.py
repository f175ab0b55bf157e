"""Each provider of the catalogue, played by a fake in its own shape, through the middleware and an app's own settings.

What the data say is read backwards to make the fake, and forwards by the engine: a file that says what cannot be, such
as a path into an answer that no request brings, does not get through.
"""

from contextlib import AbstractAsyncContextManager

import pytest

from asgi_social import CannotRenew, NeedsReauth, SettingsError, providers
from asgi_social.protocols.steps import steps_by_protocol
from asgi_social.providers.own_steps import steps_of
from asgi_social.testing.fake_people import PEOPLE
from tests.testing.trips import Trip, settings_of, trip


def is_data(name: str) -> bool:
    """Say whether a provider of OAuth is linked as its data say alone; one with steps for that has its own tests."""
    provider = providers.provider(name)
    if provider.protocol not in {"oauth2", "oidc", "oauth1"}:
        return False
    steps, standard = steps_of(provider), steps_by_protocol(provider.protocol)
    linking = ("begin", "authorize_params", "read_callback", "exchange_code", "fetch_account")
    return all(getattr(steps, step) is getattr(standard, step) for step in linking)


PLAYED = [name for name in providers.names() if is_data(name)]
LINKED = [name for name in PLAYED if "redirect" in providers.provider(name).flows]
REFRESH = {name: providers.provider(name).refresh for name in LINKED}
RENEWED = [name for name, rules in REFRESH.items() if rules.enabled and not rules.never_expires]
ADA = PEOPLE[0]
# Which of these a username is, is for a provider's data to say.
FIRST, _, LAST = str(ADA.name).partition(" ")
TOLD = {f"user_{ADA.sub}", ADA.sub, ADA.username, ADA.email, ADA.name, FIRST, LAST, f"{FIRST}{LAST}", f"{FIRST} {LAST}"}


def played(name: str) -> AbstractAsyncContextManager[Trip]:
    """Open an engine with this backend alone."""
    return trip(name, settings_of(providers.provider(name)))


@pytest.mark.parametrize("name", LINKED)
async def test_an_account_is_linked_and_what_the_data_map_is_read(name: str) -> None:
    async with played(name) as one:
        association = await one.link()

    said, mapped = association.account, providers.provider(name).account
    assert association.uid == one.fake.uid_of("ada")
    for field in ("username", "email", "fullname"):
        # A name of which only a part is read is not made up for a person.
        made_up = any(f":{kind}(" in mapped[field].source for kind in ("before", "after")) if field in mapped else True
        assert said.get(field) in TOLD or (made_up and said.get(field) is None), field
    assert str(said["picture"]).startswith("https://") == ("picture" in mapped)
    assert said["email_verified"] == (providers.provider(name).email_verified is not False)


@pytest.mark.parametrize("name", LINKED)
async def test_two_people_are_two_accounts(name: str) -> None:
    async with played(name) as one:
        first, second = await one.link(), await one.link("layla")

    assert first.uid != second.uid


@pytest.mark.parametrize("name", LINKED)
async def test_tokens_are_renewed_as_the_data_say(name: str) -> None:
    async with played(name) as one:
        rules = REFRESH[name]
        association = await one.link()
        old = await association.get_access_token()
        spent = [token for token in one.fake.tokens["ada"] if token != old]
        # An access token is traded while it lives; a refresh token is spent when the access token has ended.
        one.clock.advance(3000 if rules.with_token == "access_token" else 4000)

        if name not in RENEWED:
            with pytest.raises(CannotRenew):
                await association.refresh_token()
        else:
            new = await (await association.refresh_token()).get_access_token()

            assert new != old
            assert new in one.fake.tokens["ada"]
            assert len(spent) == (rules.with_token == "refresh_token")
            assert bool(set(spent) & set(one.fake.tokens["ada"])) == (bool(spent) and not rules.rotates)


@pytest.mark.parametrize("name", RENEWED)
async def test_whose_access_was_taken_away_has_to_link_again(name: str) -> None:
    async with played(name) as one:
        association = await one.link()
        one.fake.revoke_all("ada")

        with pytest.raises(NeedsReauth):
            await association.refresh_token()


@pytest.mark.parametrize("name", LINKED)
async def test_a_client_token_is_taken_with_proof_alone(name: str) -> None:
    kinds = {proof.kind for proof in providers.provider(name).proofs}
    async with played(name) as one:
        if kinds:
            await one.link()
        if providers.provider(name).association_only:
            with pytest.raises(SettingsError, match="signs nobody in"):
                await one.backend.do_auth("a-token")
            return
        ours, theirs = one.fake.issue_tokens("ada"), one.fake.issue_tokens("ada", client_id="another-app")

        if providers.provider(name).association_only:
            with pytest.raises(SettingsError, match="for linking"):
                await one.backend.do_auth(ours["access_token"])
            return
        if "lookup" in kinds:
            assert await one.backend.do_auth(ours["access_token"]) == "7"
            assert await one.refusal(theirs["access_token"]) in {"audience", "inactive"}
        else:
            # kind: it is the ID token itself; malformed: only payloads are taken.
            assert await one.refusal(ours["access_token"]) in {"unbound", "kind", "malformed"}
        if "id_token" in kinds:
            assert await one.backend.do_auth(id_token=ours["id_token"]) == "7"
            assert await one.refusal(id_token=theirs["id_token"]) == "audience"
        else:
            assert await one.refusal(id_token=ours.get("id_token", "a.b.c")) == "kind"


@pytest.mark.parametrize("name", LINKED)
async def test_unlinking_ends_the_tokens_where_the_data_say_how(name: str) -> None:
    async with played(name) as one:
        association = await one.link()
        token = await association.get_access_token()

        await one.browser.unlink(name)

    # By now the engine is closed, and has told the provider.
    told = one.fake.count("/revoke")
    assert told == 1 or providers.provider(name).revoke is None
    assert (token in one.fake.tokens["ada"]) == (told == 0)
