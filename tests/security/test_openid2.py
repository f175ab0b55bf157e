"""OpenID 2.0: answers that are not the provider's, not for this flow, or not signed where it counts.

Rows SR-C17 and ATK-43.
"""

from typing import Any

import pytest

from tests.app import query_of
from tests.providers.openid2_visits import Visit, identity, visit

EVIL = "https://evil.example/openid"
FIELDS = ["op_endpoint", "return_to", "response_nonce", "assoc_handle", "claimed_id", "identity"]


async def assertion_of(one: Visit, **changed: str) -> tuple[str, dict[str, str]]:
    """Begin a flow, and give its state and a positive answer to it, in which some things are as they should not be."""
    begun = await one.browser.get(f"/associate/{one.name}/")
    asked = query_of(begun.headers["location"])
    return query_of(asked["openid.return_to"])["state"], one.fake.assertion(asked, one.fake.people[0], **changed)


async def told(one: Visit, state: str, said: dict[str, str]) -> tuple[Any, ...]:
    answer = await one.browser.get(
        f"/complete/{one.name}/", params={"state": state, **said}, headers={"accept": "application/json"}
    )
    body = answer.json() if answer.status_code >= 400 else {}
    assert answer.status_code == 303 or await one.social.associations("7") == []
    return answer.status_code, body.get("code"), body.get("reason")


@pytest.mark.parametrize("name", ["steam", "openid"])
@pytest.mark.parametrize("field", FIELDS)
async def test_sr_c17_each_field_that_counts_is_signed(name: str, field: str) -> None:
    async with visit(name) as one:
        one.fake.unsigned.add(field)
        state, said = await assertion_of(one)

        assert await told(one, state, said) == (400, "flow_refused", "missing")
        assert one.fake.checks == 0


@pytest.mark.parametrize("name", ["steam", "openid"])
@pytest.mark.parametrize("field", FIELDS)
async def test_sr_c17_a_field_that_is_changed_after_it_was_signed_is_refused(name: str, field: str) -> None:
    async with visit(name) as one:
        state, said = await assertion_of(one)
        said[f"openid.{field}"] += "x"

        status, code, _ = await told(one, state, said)

    assert (status, code) in {(400, "flow_refused"), (502, "provider_broken")}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        pytest.param("op_endpoint", EVIL, "issuer", id="endpoint of another provider"),
        pytest.param("return_to", "https://app.example/other?state=x", "state", id="another page of ours"),
        pytest.param("return_to", "https://evil.example/complete/steam/?state=x", "state", id="another site"),
        pytest.param("response_nonce", "2000-01-01T00:00:00Zold", "expired", id="aged nonce"),
        pytest.param("response_nonce", "2999-01-01T00:00:00Zyoung", "expired", id="nonce of the future"),
        pytest.param("response_nonce", "2026-02-31T00:00:00Zno", "expired", id="nonce of no day"),
        pytest.param("response_nonce", "fake-nonce", "expired", id="nonce without a time"),
        pytest.param("claimed_id", "https://fakesteamcommunity.com/openid/id/1", "issuer", id="identity elsewhere"),
        pytest.param("claimed_id", "https://steamcommunity.com/openid/id/1/2", "issuer", id="identity of another form"),
        pytest.param("ns", "http://openid.net/signon/1.1", "missing", id="version 1"),
    ],
)
async def test_atk_43_an_answer_is_refused_though_its_signature_is_good(field: str, value: str, reason: str) -> None:
    async with visit("steam") as one:
        state, said = await assertion_of(one, **{field: value})

        assert await told(one, state, said) == (400, "flow_refused", reason)
        assert one.fake.checks == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"openid.mode": "cancel"}, (403, "consent_denied", None), id="cancel"),
        pytest.param({"openid.mode": "setup_needed"}, (403, "consent_denied", None), id="setup_needed"),
        pytest.param({}, (400, "flow_refused", "missing"), id="no mode"),
        pytest.param({"openid.mode": "id_res"}, (400, "flow_refused", "missing"), id="no version"),
        pytest.param({"openid.mode": "error", "openid.error": "no"}, (502, "provider_refused", None), id="error"),
    ],
)
async def test_atk_43_what_is_no_positive_answer_links_nothing(said: dict[str, str], expected: tuple[Any, ...]) -> None:
    async with visit("steam") as one:
        state, _ = await assertion_of(one)

        assert await told(one, state, said) == expected
        assert one.fake.checks == 0


@pytest.mark.parametrize("name", ["steam", "openid"])
async def test_atk_43_only_the_provider_that_was_asked_is_asked_about_an_answer(name: str) -> None:
    async with visit(name) as one:
        one.fake.is_valid = False
        state, said = await assertion_of(one)

        assert await told(one, state, said) == (400, "flow_refused", "issuer")
        assert one.fake.checks == 1


async def test_sr_c17_an_answer_of_another_flow_is_not_taken_with_a_state_of_ours() -> None:
    async with visit("steam") as one:
        _, said = await assertion_of(one)
        state, _ = await assertion_of(one)

        assert await told(one, state, said) == (400, "flow_refused", "state")


async def test_atk_43_a_nonce_is_good_once_even_where_the_provider_says_yes_again() -> None:
    async with visit("steam") as one:
        one.fake.is_valid = True
        state, said = await assertion_of(one)
        assert (await told(one, state, said))[0] == 303
        again, second = await assertion_of(one, response_nonce=said["openid.response_nonce"])

        answer = await one.browser.get(
            "/complete/steam/", params={"state": again, **second}, headers={"accept": "application/json"}
        )

    assert (answer.status_code, answer.json()["reason"]) == (400, "spent")


async def test_an_answer_in_another_browser_is_refused() -> None:
    async with visit("steam") as one:
        state, said = await assertion_of(one)
        one.browser.cookies.clear()

        assert await told(one, state, said) == (400, "flow_refused", "missing")


@pytest.mark.parametrize(
    ("unsigned", "changed"), [("ns.sreg", {}), ("sreg.nickname", {"openid.sreg.nickname": "mallory"})]
)
async def test_sr_c17_what_is_said_of_the_person_counts_only_where_it_is_signed(
    unsigned: str, changed: dict[str, str]
) -> None:
    async with visit("ubuntu") as one:
        one.fake.unsigned |= {unsigned, "ns.ax"}
        state, said = await assertion_of(one)

        assert (await told(one, state, said | changed))[0] == 303
        [association] = await one.social.associations("7")

    assert association.account["username"] is None


async def test_an_identity_of_which_another_provider_speaks_is_refused() -> None:
    async with visit("openid") as one:
        state, said = await assertion_of(one, claimed_id=identity("openid", "layla"))

        # The local identifier is ada's, which discovery at layla's page does not lead to.
        assert await told(one, state, said) == (400, "flow_refused", "issuer")
