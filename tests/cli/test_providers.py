"""``asgi-social providers``: the catalogue as people read it."""

from typing import Any

import pytest

from asgi_social import providers
from asgi_social.cli.providers import client_tokens, facts, meets, renews, row_of
from tests.cli.running import run

MINIMAL: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "authorize": {"url": "https://mine.example/authorize"},
    "token": {"url": "https://mine.example/token"},
    "userinfo": {"url": "https://mine.example/me"},
}


def provider_of(**more: Any) -> Any:
    table = {key: value for key, value in {**MINIMAL, **more}.items() if value is not None}
    return providers.provider_of_table(table, place="the test")


def test_the_list_has_a_line_for_each_provider_with_tabs_between() -> None:
    lines = run("providers", "list").stdout.splitlines()

    assert lines[0].split("\t") == ["name", "title", "protocol", "renews", "client tokens", "PKCE"]
    assert [line.split("\t")[0] for line in lines[1:]] == providers.names()
    assert "facebook\tFacebook\toauth2\tyes\taccess token\tyes" in lines


@pytest.mark.parametrize(
    ("words", "there", "absent"),
    [
        pytest.param(["--protocol", "oidc"], "oidc", "github", id="protocol"),
        pytest.param(["--client-tokens"], "facebook", "spotify", id="client tokens"),
        pytest.param(["--no-client-tokens"], "spotify", "facebook", id="no client tokens"),
        pytest.param(["--pkce"], "github", "slack", id="PKCE"),
        pytest.param(["--no-pkce"], "slack", "github", id="no PKCE"),
        pytest.param(["--renews", "--client-tokens"], "google-oauth2", "spotify", id="two conditions"),
        pytest.param(["--protocol", "oidc", "--no-pkce"], "linkedin-openidconnect", "slack", id="two others"),
    ],
)
def test_the_list_holds_those_that_meet_every_condition(words: list[str], there: str, absent: str) -> None:
    result = run("providers", "list", *words)

    names = [line.split("\t")[0] for line in result.stdout.splitlines()[1:]]
    assert result.exit_code == 0
    assert (there in names, absent in names) == (True, False)


@pytest.mark.parametrize("refresh", [{}, False], ids=["renews", "does not renew"])
def test_those_that_renew_are_told_from_those_that_do_not(refresh: Any) -> None:
    provider = provider_of(refresh=refresh)

    met = [meets(provider, protocol=None, renewing=wanted, tokens=None, pkce=None) for wanted in (None, True, False)]

    assert met == [True, refresh == {}, refresh is False]


def test_a_protocol_that_there_is_not_is_told_with_those_there_are() -> None:
    result = run("providers", "list", "--protocol", "oauth3")

    assert result.exit_code == 2
    assert "'oauth2', 'oidc', 'oauth1'" in result.stderr


def test_on_a_terminal_the_list_has_columns() -> None:
    result = run("providers", "list", FORCE_COLOR="1", NO_COLOR=None, TERM="xterm-256color", COLUMNS="120")

    assert "\t" not in result.stdout
    assert "\x1b[36mname" in result.stdout
    assert "Facebook" in result.stdout


def test_on_a_terminal_that_wants_none_the_list_has_no_colour() -> None:
    result = run("providers", "list", FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color", COLUMNS="120")

    assert "\x1b[" not in result.stdout


@pytest.mark.parametrize("text", ["linkedin-oPenid", "spotify"], ids=["the name", "the title"])
def test_a_search_looks_in_names_and_titles_whatever_the_case(text: str) -> None:
    lines = run("providers", "search", text).stdout.splitlines()

    assert [line.split("\t")[0] for line in lines[1:]] == [
        {"linkedin-oPenid": "linkedin-openidconnect"}.get(text, text)
    ]


def test_a_search_that_finds_nothing_says_so() -> None:
    result = run("providers", "search", "no-such-thing")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no provider holds 'no-such-thing'" in result.stderr


def test_a_provider_is_shown_with_all_that_is_known_of_it() -> None:
    shown = run("providers", "show", "facebook").stdout

    assert shown.startswith("name: facebook (Facebook, oauth2)\nconsole: https://developers.facebook.com/apps\n")
    assert "\nredirect URI: https://<your host>/complete/facebook/\n" in shown
    assert "\nbrand: #0866ff, with white text on it\n" in shown
    assert "\nrenewal: with the access token, " in shown
    assert "access token, by asking https://graph.facebook.com/debug_token\n" in shown
    assert "\nquirks:\n  - Callback errors may come as error_code and error_message.\n" in shown
    assert "\nsources:\n  - social-auth-core 7.0.0, facebook.py: authorize, token, " in shown
    assert " refresh, revoke (code, 2026-11-28)\n" in shown


@pytest.mark.parametrize("name", providers.names())
def test_every_provider_can_be_shown(name: str) -> None:
    result = run("providers", "show", name)

    assert result.exit_code == 0
    assert "\nscope: " in result.stdout


def test_an_unknown_provider_names_the_nearest() -> None:
    result = run("providers", "show", "gitub")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean 'github'?" in result.stderr


@pytest.mark.parametrize(
    ("refresh", "short", "long"),
    [
        pytest.param({}, "yes", "with the refresh token, which may be good only once", id="spent"),
        pytest.param({"rotates": False}, "yes", "with the refresh token, which stays good", id="kept"),
        pytest.param({"never_expires": True}, "not needed", "not needed, its tokens last", id="for ever"),
        pytest.param(False, "no", "none", id="none"),
    ],
)
def test_a_renewal_is_told_as_the_data_say(refresh: Any, short: str, long: str) -> None:
    provider = provider_of(refresh=refresh)

    assert renews(provider) == short
    assert dict(facts(provider, sources=[]))["renewal"] == [long]


def test_client_tokens_are_those_that_can_be_proved() -> None:
    verify = [{"url": "https://mine.example/look", "app": "app"}]

    assert client_tokens(provider_of()) == "no"
    assert dict(facts(provider_of(), sources=[]))["proof of client tokens"] == ["none, so that they are refused"]
    assert client_tokens(provider_of(verify=verify)) == "access token"
    assert client_tokens(provider_of(verify=verify, flows=["redirect"])) == "no"
    assert client_tokens(providers.provider("oidc")) == "ID token"


@pytest.mark.parametrize(("pkce", "told"), [("supported", "yes"), ("required", "required"), ("off", "no")])
def test_pkce_is_told_as_the_data_say(pkce: str, told: str) -> None:
    provider = provider_of(authorize={**MINIMAL["authorize"], "pkce": pkce})

    assert row_of(provider)[-1] == told


def test_without_a_further_word_all_are_listed() -> None:
    assert run("providers").stdout == run("providers", "list").stdout


def test_a_summary_counts_what_there_is() -> None:
    lines = run("providers", "--summary").stdout.splitlines()
    numbers = dict(line.split("\t") for line in lines[1:])
    every = [providers.provider(name) for name in providers.names()]
    living = sum(one.retired is None for one in every)
    playable = sum(bool(one.flows) for one in every)
    protocols = ("oauth2", "oidc", "oauth1", "openid2", "saml", "custom")

    assert lines[0] == "what\tproviders"
    assert numbers["all"] == str(len(every))
    assert sum(int(numbers[protocol]) for protocol in protocols) == len(every)
    assert int(numbers["data only"]) + int(numbers["with code"]) == living == len(every) - int(numbers["shut down"])
    assert sum(int(numbers[name]) for name in numbers if name.startswith("with an exchange: ")) == playable
    assert 0 < int(numbers["with proof of client tokens"]) < living
    assert 0 < int(numbers["with revocation"]) < living
    assert 0 < int(numbers["with renewal"]) <= living
    covered, names = numbers["names of social-auth"].split(" of ")
    assert (names, int(covered) + int(numbers["besides these"])) == ("210", len(every))


@pytest.mark.parametrize("base_url", ["https://app.example", "https://app.example/"])
def test_the_redirect_uri_is_shown_for_ones_own_host(base_url: str) -> None:
    shown = run("providers", "show", "github", "--base-url", base_url).stdout

    assert "\nredirect URI: https://app.example/complete/github/\n" in shown


def test_a_service_that_is_shut_down_says_so() -> None:
    provider = provider_of(retired="2019-04", authorize=None)
    told = dict(facts(provider, sources=[]))

    assert row_of(provider) == ("mine", "Mine", "oauth2", "shut down 2019-04", "no", "no")
    assert told["shut down"] == ["since 2019-04; what is linked can be unlinked"]
    assert told["renewal"] == ["none"]
    assert "redirect URI" not in told
    assert not meets(provider, protocol=None, renewing=True, tokens=None, pkce=None)


def test_a_protocol_that_has_no_pkce_is_sent_none() -> None:
    assert row_of(provider_of(protocol="custom"))[-1] == "no"
