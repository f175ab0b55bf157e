"""Whose account a token is: what is asked, and how the answers are mapped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken, ProviderRefused, ProviderUnreachable, Refused
from asgi_social.expressions import path
from asgi_social.protocols.message import Response, Tokens
from asgi_social.protocols.userinfo import account_of_claims, fetch_account
from asgi_social.secret import Secret
from tests.protocols.played import HOST, OAUTH2, OIDC, Played, answer, play, raw, ready

ME = {"id": 7, "username": "ada", "email": "ada@example.org", "fullname": "Ada L"}
TOKENS = Tokens(access_token=Secret("a-token"), answer={"access_token": "a-token", "unit": "u1"})


def fetched(provider: dict[str, Any], *answers: Response, tokens: Tokens = TOKENS, **settings: object) -> Account:
    return played(provider, *answers, tokens=tokens, **settings).result


def played(
    provider: dict[str, Any], *answers: Response, tokens: Tokens = TOKENS, **settings: object
) -> Played[Account]:
    return play(fetch_account(ready({**OAUTH2, **provider}, **settings), tokens), *answers)


def test_an_account_is_read_with_the_token() -> None:
    result = played({}, answer(ME))

    [asked] = result.asked
    assert (asked.url, asked.headers) == (f"{HOST}/me", {"authorization": "Bearer a-token"})
    account = result.result
    assert (account.uid, account.username, account.email, account.fullname) == ("7", "ada", "ada@example.org", "Ada L")
    assert (account.authority, account.email_verified) == ("", False)


def test_an_address_that_holds_a_part_of_the_token_answer_is_asked() -> None:
    result = played({"userinfo": {"url": f"{HOST}/{{token.unit}}/me"}}, answer(ME))

    assert [asked.url for asked in result.asked] == [f"{HOST}/u1/me"]
    assert result.result.username == "ada"


def test_further_requests_are_read_by_their_names_and_may_use_what_came_before() -> None:
    provider = {
        "userinfo": {
            "url": f"{HOST}/me",
            "path": "data",
            "requests": [
                {"id": "emails", "url": f"{HOST}/{{userinfo.id}}/emails", "path": "items", "optional": True},
                {"id": "member", "url": f"{HOST}/member", "format": "none"},
            ],
        },
        "account": {"email": "$emails[primary].email|''", "fullname": "$member.name"},
    }
    emails = {"items": [{"email": "b@example.org"}, {"email": "a@example.org", "primary": True}]}

    result = played(provider, answer({"data": ME}), answer(emails), raw(b"", status=204))

    assert [asked.url for asked in result.asked] == [f"{HOST}/me", f"{HOST}/7/emails", f"{HOST}/member"]
    assert [asked.endpoint for asked in result.asked[1:]] == ["emails endpoint", "member endpoint"]
    assert (result.result.email, result.result.fullname) == ("a@example.org", None)


def test_a_request_that_is_made_first_may_say_where_the_account_is() -> None:
    provider = {
        "userinfo": {
            "url": f"{HOST}/users/{{whoami.user.id}}",
            "path": "$answer[0].data",
            "requests": [
                {"id": "whoami", "url": f"{HOST}/whoami", "format": "jsonp", "first": True},
                {"id": "more", "url": f"{HOST}/more/{{whoami.user.id}}"},
            ],
        },
    }

    result = played(provider, raw(b'cb({"user": {"id": 9}})'), answer([{"data": ME}]), answer({}))

    assert [asked.url for asked in result.asked] == [f"{HOST}/whoami", f"{HOST}/users/9", f"{HOST}/more/9"]
    assert result.result.uid == "7"


@pytest.mark.parametrize("optional", [True, False])
def test_a_request_whose_address_no_answer_fills_is_not_made(optional: bool) -> None:
    requests = [{"id": "emails", "url": f"{HOST}/{{userinfo.nothing}}/emails", "optional": optional}]
    provider = {"userinfo": {"url": f"{HOST}/me", "requests": requests}}

    if optional:
        assert len(played(provider, answer(ME)).asked) == 1
    else:
        with pytest.raises(ProviderBroken) as caught:
            fetched(provider, answer(ME))

        assert caught.value.expected == "an answer that names what is asked for"


def test_an_address_that_an_answer_names_is_asked_at_the_hosts_of_the_data_alone() -> None:
    provider = {"userinfo": {"url": "{token.id}/me?v=1", "hosts": ["*.sales.example", "own.example"]}}

    for url in ("https://eu.sales.example/id/7", "https://own.example/a"):
        tokens = Tokens(access_token=Secret("a-token"), answer={"id": url})
        assert [one.url for one in played(provider, answer(ME), tokens=tokens).asked] == [f"{url}/me?v=1"]
    for odd in (
        "https://evil.example/",
        "https://sales.example.evil.example",
        "http://own.example",
        "//own.example",
        7,
    ):
        with pytest.raises(ProviderBroken) as caught:
            fetched(provider, tokens=Tokens(access_token=Secret("a-token"), answer={"id": odd}))
        assert (caught.value.expected, caught.value.got) == (
            "an address at *.sales.example or own.example",
            "another",
        )
    with pytest.raises(ProviderBroken, match="none"):
        fetched(provider)


@pytest.mark.parametrize("status", [403, 404])
def test_a_request_whose_status_decides_admits_or_refuses_the_person(status: int) -> None:
    provider = {
        "userinfo": {
            "url": f"{HOST}/me",
            "requests": [{"id": "member", "url": f"{HOST}/members/{{userinfo.id}}", "format": "none"}],
        },
        "policy": [{"status_of": "member", "error": "it is no member"}],
    }

    assert fetched(provider, answer(ME), raw(b"", status=204)).uid == "7"
    with pytest.raises(Refused, match="it is no member"):
        fetched(provider, answer(ME), answer({}, status))
    with pytest.raises(ProviderUnreachable):
        fetched(provider, answer(ME), answer({}, 503))


@pytest.mark.parametrize(
    ("admitted", "groups", "is_met"),
    [
        (["staff", "guests"], ["staff", "x"], True),
        (["staff"], ["x"], False),
        (["staff"], "staff", True),
        (["staff"], None, False),
        ("staff,x", ["x"], True),
        ([], ["x"], True),
    ],
)
def test_a_condition_may_admit_those_that_a_setting_lists(admitted: object, groups: object, is_met: bool) -> None:
    policy = {"op": "any_of", "path": "groups", "setting": "allowed_groups", "error": "it is in no group"}

    try:
        fetched({"policy": [policy]}, answer({**ME, "groups": groups}), allowed_groups=admitted)
    except Refused:
        assert not is_met
    else:
        assert is_met


@pytest.mark.parametrize(("said", "is_fine"), [(200, True), ("200", True), (500, False), (None, False)])
def test_what_an_answer_says_when_all_is_well_may_be_another_word_than_true(said: object, is_fine: bool) -> None:
    provider = {"errors": {"ok": "meta.code", "ok_is": "200"}}
    try:
        fetched(provider, answer({**ME, "meta": {"code": said}}))
    except ProviderRefused:
        assert not is_fine
    else:
        assert is_fine


def test_a_profile_in_xml_is_read() -> None:
    provider = {
        "userinfo": {"url": f"{HOST}/me", "format": "xml", "path": "R.user"},
        "uid": {"path": '"@id"'},
        "account": {"username": "name"},
    }

    account = fetched(provider, raw(b'<R><user id="7"><name>ada</name></user></R>'))

    assert (account.uid, account.username) == ("7", "ada")
    with pytest.raises(ProviderBroken):
        fetched(provider, raw(b"<!DOCTYPE R><R/>"))


@pytest.mark.parametrize("response", [answer({}, 403), answer({}, 500), raw(b"<html>")])
def test_an_optional_request_may_come_to_nothing(response: Response) -> None:
    requests = [{"id": "emails", "url": f"{HOST}/emails", "optional": True}]

    account = fetched({"userinfo": {"url": f"{HOST}/me", "requests": requests}}, answer(ME), response)

    assert account.uid == "7"


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer({}, 403), ProviderBroken),
        (answer({}, 503), ProviderUnreachable),
        (raw(b"<html>"), ProviderBroken),
        (raw(b'{"a": 1, "a": 2}'), ProviderBroken),
    ],
)
def test_any_other_request_has_to_be_answered(response: Response, error: type[Exception]) -> None:
    requests = [{"id": "teams", "url": f"{HOST}/teams"}]

    with pytest.raises(error):
        fetched({"userinfo": {"url": f"{HOST}/me", "requests": requests}}, answer(ME), response)


def test_a_provider_may_tell_the_account_in_its_token_answer() -> None:
    tokens = Tokens(access_token=Secret("a-token"), answer={"user": {"id": "U1"}, "id": "T1"})

    result = played({"userinfo": {"source": "token"}, "uid": {"path": "$token.user.id"}}, tokens=tokens)

    assert (result.asked, result.result.uid) == ([], "U1")


def test_the_profile_is_laid_over_the_claims_and_those_over_the_token_answer() -> None:
    tokens = Tokens(
        access_token=Secret("t"),
        answer={"id": "token", "username": "token", "email": "token"},
        claims={"sub": "s", "username": "claims", "email": "claims"},
    )

    account = fetched({}, answer({"id": "me", "email": "me"}), tokens=tokens)

    assert (account.uid, account.username, account.email) == ("me", "claims", "me")


@pytest.mark.parametrize(
    "uid", [None, "", " ", True, False, 0, 1.5, [], {}, ["a"], "None", "null", "undefined", "x" * 256]
)
def test_sr_i13_an_id_that_names_nobody_is_refused(uid: object) -> None:
    with pytest.raises(ProviderBroken):
        fetched({}, answer({**ME, "id": uid}))


@pytest.mark.parametrize("body", [b'{"id": NaN}', b'{"id": 1e999}', b'{"id": 1e3}', b'{"id": "\\u0000"}', b"{}"])
def test_sr_i13_an_id_that_json_can_hardly_write_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderBroken):
        fetched({}, raw(body))


@pytest.mark.parametrize(
    ("body", "uid"),
    [
        (b'{"id": 583231}', "583231"),
        (b'{"id": 12345678901234567890}', "12345678901234567890"),
        (b'{"id": 99999999999999999999999}', "99999999999999999999999"),
        (b'{"id": "Abc"}', "Abc"),
        (b'{"id": "007"}', "007"),
    ],
)
def test_sr_i13_an_id_keeps_its_digits_and_its_case(body: bytes, uid: str) -> None:
    assert fetched({}, raw(body)).uid == uid


def test_an_answer_whose_account_is_not_where_the_data_say_is_broken() -> None:
    with pytest.raises(ProviderBroken):
        fetched({"userinfo": {"url": f"{HOST}/me", "path": "data"}}, answer({"data": [ME]}))


@pytest.mark.parametrize(
    ("errors", "value", "error", "description"),
    [
        ({}, {"error": "expired", "error_description": "old"}, "expired", "old"),
        ({}, {"error": {"a": 1}}, "error", ""),
        ({}, {"error": [1]}, "error", ""),
        ({}, {"error": True}, "True", ""),
        ({"code": "code", "message": "msg"}, {"code": 40001, "msg": "no"}, "40001", "no"),
        ({"ok": "ok", "code": "error"}, {"ok": False, "error": "not_authed"}, "not_authed", ""),
        ({"ok": "ok"}, {"ok": "true"}, "error", ""),
    ],
)
def test_an_error_within_status_200_is_the_providers_no(
    errors: dict[str, str], value: dict[str, object], error: str, description: str
) -> None:
    with pytest.raises(ProviderRefused) as caught:
        fetched({"errors": errors}, answer({**ME, **value}))

    assert (caught.value.error, caught.value.description) == (error, description)


@pytest.mark.parametrize("nothing", [None, "", 0, "0", False])
def test_an_empty_error_is_none(nothing: object) -> None:
    assert fetched({}, answer({**ME, "error": nothing})).uid == "7"


@pytest.mark.parametrize(
    ("subject", "me"),
    [
        pytest.param("s", {"sub": "other"}, id="another"),
        pytest.param("s", {}, id="none"),
        pytest.param("s", {"sub": None}, id="null"),
        pytest.param("7", {"sub": 7}, id="a number"),
        pytest.param("s", {"sub": "S"}, id="another case"),
        pytest.param("s", {"sub": ["s"]}, id="a list"),
    ],
)
def test_sr_i09_a_profile_of_another_subject_than_the_id_token_is_refused(subject: str, me: dict[str, object]) -> None:
    tokens = Tokens(access_token=Secret("t"), claims={"sub": subject})

    with pytest.raises(ProviderBroken):
        play(fetch_account(ready(OIDC), tokens), answer(me))


def test_sr_i09_a_profile_of_the_same_subject_is_read() -> None:
    tokens = Tokens(access_token=Secret("t"), claims={"sub": "s"})

    assert play(fetch_account(ready(OIDC), tokens), answer({"sub": "s"})).result.uid == "s"


def test_sr_i12_the_authority_is_part_of_whose_account_it_is() -> None:
    provider = {"uid": {"path": "id", "authority": "{team}"}, "vars": {"team": {}}}

    one, two = (fetched(provider, answer(ME), team=team) for team in ("a-team", "b-team"))

    assert (one.uid, one.authority, two.authority) == ("7", "a-team", "b-team")


def test_sr_i12_neither_address_nor_name_says_whose_account_it_is() -> None:
    one = fetched({}, answer(ME))
    same_address = fetched({}, answer({**ME, "id": 8}))
    renamed = fetched({}, answer({"id": 7, "username": "new", "email": "new@example.org"}))

    assert one.uid != same_address.uid
    assert one.uid == renamed.uid


@pytest.mark.parametrize(
    ("declared", "said", "is_verified"),
    [
        (None, True, False),
        (False, True, False),
        (True, ..., True),
        ("email_verified", True, True),
        ("email_verified", "true", True),
        ("email_verified", 1, False),
        ("email_verified", 1.0, False),
        ("email_verified", "True", False),
        ("email_verified", "1", False),
        ("email_verified", [True], False),
        ("email_verified", {"a": 1}, False),
        ("email_verified", False, False),
        ("email_verified", None, False),
        ("email_verified", ..., False),
    ],
)
def test_sr_i14_an_address_is_vouched_for_only_by_declared_data_and_by_true_alone(
    declared: object, said: object, is_verified: bool
) -> None:
    account = {} if declared is None else {"email_verified": declared}
    me = ME if said is ... else {**ME, "email_verified": said}

    assert fetched({"account": account}, answer(me)).email_verified is is_verified


def test_values_that_cannot_be_stored_are_made_so_and_others_left_out() -> None:
    odd = {"username": True, "email": ["a"], "fullname": "a\0b\ud800" + "x" * 2000, "first_name": 5}

    account = fetched({}, answer({**ME, **odd}))

    assert (account.username, account.email, account.first_name) == (None, None, "5")
    assert account.fullname is not None
    assert len(account.fullname) <= 1000
    assert account.fullname.startswith("ab?x")


@pytest.mark.parametrize(
    ("url", "picture"),
    [("https://a.example/p", "https://a.example/p"), ("http://a.example", None), ("javascript:1", None), (5, None)],
)
def test_a_picture_is_an_https_address(url: object, picture: str | None) -> None:
    assert fetched({"account": {"picture": "photo"}}, answer({**ME, "photo": url})).picture == picture


def test_extra_data_are_what_the_data_name_and_never_tokens() -> None:
    extra = ["plan", ["lang", "language"], ["team", "team", True], ["tags", "tags", True], "access_token", "absent"]
    me = {**ME, "plan": "free", "lang": "en", "team": "", "tags": ["a"]}

    account = fetched({"extra_data": extra}, answer(me))

    assert account.extra_data == {"plan": "free", "language": "en", "tags": ["a"], "absent": None}


@pytest.mark.parametrize("value", [False, None, 1, "True", ["true"], {}])
def test_an_account_that_does_not_meet_a_condition_is_refused(value: object) -> None:
    policy = [{"path": "member", "op": "is_true", "error": "not a member"}]

    with pytest.raises(Refused):
        fetched({"policy": policy}, answer({**ME, "member": value}))


@pytest.mark.parametrize("value", [True, "true"])
def test_an_account_that_meets_a_condition_passes(value: object) -> None:
    policy = [{"path": "member", "op": "is_true", "error": "not a member"}]

    assert fetched({"policy": policy}, answer({**ME, "member": value})).uid == "7"


TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("tenant", "said", "only_if", "is_met"),
    [
        (TENANT, TENANT, "uuid", True),
        (TENANT, "other", "uuid", False),
        (TENANT, None, "uuid", False),
        ("common", "other", "uuid", True),
        ("common", "other", "always", False),
        ("common", "common", "always", True),
    ],
)
def test_sr_i04_the_tenant_of_a_configuration_for_one_tenant_is_compared(
    tenant: str, said: str | None, only_if: str, is_met: bool
) -> None:
    provider = {
        "vars": {"tenant": {}},
        "policy": [{"path": "tid", "value": "{tenant}", "only_if": only_if, "error": "another tenant"}],
    }
    me = answer({**ME, "tid": said})

    if is_met:
        assert fetched(provider, me, tenant=tenant).uid == "7"
    else:
        with pytest.raises(Refused):
            fetched(provider, me, tenant=tenant)


def test_a_condition_without_a_value_to_compare_is_met() -> None:
    policy = [{"path": "org", "value": "{setting.org}", "error": "another organisation"}]

    assert fetched({"policy": policy}, answer(ME)).uid == "7"


def test_the_account_of_an_id_token_is_read_from_the_standard_claims_where_the_data_find_nothing() -> None:
    client = ready({**OIDC, "account": {"username": "login", "fullname": "display"}})
    claims = {
        "sub": "s",
        "display": "From the data",
        "name": "From the standard",
        "preferred_username": "ada",
        "given_name": "Ada",
        "picture": "https://a.example/p",
        "locale": 5,
    }

    account = account_of_claims(client, claims, TOKENS, subject=None)

    assert (account.uid, account.username, account.fullname) == ("s", "ada", "From the data")
    assert (account.first_name, account.last_name, account.locale) == ("Ada", None, "5")
    assert account.picture == "https://a.example/p"


def test_the_uid_of_an_id_token_is_read_where_its_proof_says() -> None:
    account = account_of_claims(ready(OIDC), {"sub": "s", "oid": "o"}, TOKENS, subject=path("oid"))

    assert account.uid == "o"


def test_the_account_of_an_id_token_has_to_meet_the_conditions_too() -> None:
    client = ready({**OIDC, "policy": [{"path": "member", "op": "is_true", "error": "not a member"}]})

    with pytest.raises(Refused):
        account_of_claims(client, {"sub": "s"}, TOKENS, subject=None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(["id", "username", "email", "fullname", "photo", "verified", "plan", "member", "error"])


@given(me=st.dictionaries(NAMES, JSON))
def test_every_profile_gives_an_account_or_an_error_of_the_tree(me: dict[str, object]) -> None:
    provider = {
        "account": {"picture": "photo", "email_verified": "verified"},
        "extra_data": [["plan", "plan", True]],
        "policy": [{"path": "member|'true'", "op": "is_true", "error": "not a member"}],
    }

    try:
        account = fetched(provider, answer(me))
    except (ProviderBroken, ProviderRefused, Refused):
        return
    assert account.uid
