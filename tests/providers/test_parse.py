"""A mistake in a provider's file is told when it is loaded, by file and key, with what would be right."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.errors import SettingsError
from asgi_social.protocols.provider import Provider
from asgi_social.providers.parse import provider_from

BASE: Mapping[str, Any] = {
    "name": "own",
    "title": "Own",
    "authorize": {"url": "https://own.example/authorize"},
    "token": {"url": "https://own.example/token"},
    "userinfo": {"url": "https://own.example/me"},
}
LOOK_UP = {"url": "https://own.example/check", "app": "aud"}
KEYS = {"issuer": ["https://own.example"], "jwks": "https://own.example/keys"}


def parsed(**change: Any) -> Provider:
    """Give the provider of the base file with some tables changed: each is laid over its own, None removes it."""
    values = dict(BASE)
    for key, value in change.items():
        old = values.get(key)
        values[key] = {**old, **value} if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return provider_from({key: value for key, value in values.items() if value is not None}, place="own.toml")


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        # A key that there is not.
        ({"titel": "Own"}, "titel", "is not known, did you mean 'title'?"),
        ({"extend": "github"}, "extend", "is not known, did you mean 'extends'?"),
        ({"brand": {"colour": "#000000"}}, "brand.colour", "did you mean 'color'?"),
        ({"authorize": {"scopes": ["a"]}}, "authorize.scopes", "is not known, did you mean 'scope'?"),
        ({"authorize": {"offline": {"param": {}}}}, "authorize.offline.param", "did you mean 'params'?"),
        ({"callback": {"keeps": ["a"]}}, "callback.keeps", "did you mean 'keep'?"),
        ({"token": {"metod": "GET"}}, "token.metod", "did you mean 'method'?"),
        ({"token": {"secret_jwt": {"aud": "a", "algo": "ES256"}}}, "token.secret_jwt.alg", "is missing"),
        ({"userinfo": {"host": ["a.example"]}}, "userinfo.host", "is not known, did you mean 'hosts'?"),
        ({"authorize": {"first": True}}, "authorize.first", "is not known"),
        ({"userinfo": {"body": {"xml": {}}}}, "userinfo.body.xml", "is not known"),
        ({"uid": {"legacy": ["a"]}}, "uid.legacy", "is not known"),
        ({"account": {"user_name": "nick"}}, "account.user_name", "is not known, did you mean 'username'?"),
        ({"errors": {"kode": "error"}}, "errors.kode", "did you mean 'code'?"),
        ({"refresh": {"urls": "a"}}, "refresh.urls", "did you mean 'url'?"),
        ({"revoke": {"url": "https://own.example/r", "drops": "a"}}, "revoke.drops", "is not known"),
        ({"verify": [{**LOOK_UP, "subjekt": "a"}]}, "verify[0].subjekt", "did you mean 'subject'?"),
        ({"oidc": {"endpoint": "https://own.example", "conf": "a"}}, "oidc.conf", "did you mean 'config'?"),
        ({"id_token": {**KEYS, "alg": ["RS256"]}}, "id_token.alg", "did you mean 'algs'?"),
        ({"vars": {"v": {"kinds": "url"}}}, "vars.v.kinds", "did you mean 'kind'?"),
        ({"calc": {"c": {"sign": "md5", "data": "b", "key": "a"}}}, "calc.c.key", "is not known"),
        # One that is missing.
        ({"name": None}, "name", "is missing"),
        ({"title": ""}, "title", "is missing"),
        ({"authorize": None}, "authorize.url", "is missing"),
        ({"token": {"url": None, "urll": "https://own.example"}}, "token.url", "is missing; is 'urll' meant for it?"),
        ({"token": None}, "token.url", "is missing"),
        ({"userinfo": None}, "userinfo.url", "is missing"),
        ({"userinfo": {"requests": [{"id": "more"}]}}, "userinfo.requests[0].url", "is missing"),
        ({"userinfo": {"requests": [{"url": "https://own.example"}]}}, "userinfo.requests[0].id", "is missing"),
        ({"protocol": "oidc"}, "id_token.issuer", "is missing"),
        ({"id_token": {"issuer": ["https://own.example"]}}, "id_token.jwks", "is missing"),
        ({"verify": [{"kind": "id_token"}]}, "id_token", "is missing"),
        ({"verify": [{"url": "https://own.example"}]}, "verify[0].app", "is missing"),
        ({"verify": [{"app": "aud"}]}, "verify[0].url", "is missing"),
        ({"verify": [{"kind": "bound", "url": "https://own.example"}]}, "verify[0].subject", "is missing"),
        ({"oidc": {}}, "oidc.endpoint", "is missing"),
        ({"revoke": {"style": "own"}}, "revoke.url", "is missing"),
        ({"token": {"auth": "secret_jwt"}}, "token.secret_jwt", "is missing"),
        ({"token": {"secret_jwt": {"alg": "ES256"}}}, "token.secret_jwt.kid", "is missing"),
        ({"calc": {"c": {"key": "{client_secret}"}}}, "calc.c.data", "is missing"),
        ({"policy": [{"path": "id", "error": "e"}]}, "policy[0].value", "is missing"),
        ({"policy": [{"op": "is_true", "error": "e"}]}, "policy[0].path", "is missing"),
        ({"policy": [{"op": "any_of", "path": "id", "error": "e"}]}, "policy[0].setting", "is missing"),
        ({"policy": [{"op": "is_true", "path": "id"}]}, "policy[0].error", "is missing"),
        # A value of the wrong kind.
        ({"title": 7}, "title", "is a whole number"),
        ({"authorize": "https://own.example"}, "authorize", "is a text"),
        ({"authorize": {"scope": "a b"}}, "authorize.scope", "is a text"),
        ({"authorize": {"scope": ["a", 7]}}, "authorize.scope", "holds a whole number"),
        ({"authorize": {"params": {"a": True}}}, "authorize.params.a", "is a true or false"),
        ({"authorize": {"rename": {"a": ["b"]}}}, "authorize.rename.a", "is a list"),
        ({"refresh": True}, "refresh", "is a true or false"),
        ({"refresh": {"early": 1.5}}, "refresh.early", "is a float"),
        ({"refresh": {"rotates": "yes"}}, "refresh.rotates", "is a text"),
        ({"refresh": {"ended": [190]}}, "refresh.ended", "holds a whole number"),
        ({"refresh": {"expires_default": True}}, "refresh.expires_default", "is a true or false"),
        ({"revoke": {"url": "https://own.example/r", "ok": ["200"]}}, "revoke.ok", "holds a text"),
        ({"verify": {"app": "aud"}}, "verify", "is a table"),
        ({"verify": ["aud"]}, "verify", "holds a text"),
        ({"vars": {"v": "https://own.example"}}, "vars.v", "is a text"),
        ({"vars": ["v"]}, "vars", "is a list"),
        ({"account": {"email_verified": 1}}, "account.email_verified", "is a whole number"),
        ({"extra_data": "id"}, "extra_data", "is a text"),
        ({"extra_data": [{"id": "id"}]}, "extra_data", "holds something else"),
        ({"extra_data": [["from"]]}, "extra_data", "holds something else"),
        ({"extra_data": [["from", "to", "yes"]]}, "extra_data", "holds something else"),
        ({"association_only": "yes"}, "association_only", "is a text"),
        ({"code": 1}, "code", "is a whole number"),
        ({"retired": 2019}, "retired", "is a whole number"),
        ({"brand": "#000000"}, "brand", "is a text"),
        ({"revoke": "none"}, "revoke", "is a text"),
        ({"verify": "unknown"}, "verify", "is a text"),
        # A value that is of the right kind, and cannot be meant.
        ({"authorize": {"scope_sep": ""}}, "authorize.scope_sep", "is empty"),
        ({"refresh": {"expires_default": 0}}, "refresh.expires_default", "is 0"),
        ({"vars": {"v": {"pattern": "("}}}, "vars.v.pattern", "is no regular expression"),
        ({"vars": {"v": {"default": "a b"}}}, "vars.v.default", "is no label"),
        ({"vars": {"v": {"pattern": "[a-z]", "default": "7"}}}, "vars.v.default", "is no label"),
        # A word that is not among those that mean something.
        ({"protocol": "oidcc", "authorize": None}, "protocol", "is 'oidcc', did you mean 'oidc'?"),
        ({"protocol": "oauth3"}, "protocol", "is 'oauth3', did you mean 'oauth2'?"),
        ({"retired": "2019-13"}, "retired", "is '2019-13'"),
        ({"retired": "April 2019"}, "retired", "is 'April 2019'"),
        ({"brand": {"color": "#5E6AD2"}}, "brand.color", "is '#5E6AD2'"),
        ({"brand": {"color": "5e6ad2"}}, "brand.color", "is '5e6ad2'"),
        ({"flows": ["tokens"]}, "flows", "is 'tokens', did you mean 'token'?"),
        ({"authorize": {"pkce": "on"}}, "authorize.pkce", "is 'on'"),
        ({"authorize": {"response_mode": "query"}}, "authorize.response_mode", "is 'query'"),
        ({"token": {"auth": "post"}}, "token.auth", "is 'post'"),
        ({"token": {"auth": "header:"}}, "token.auth", "is 'header:'"),
        ({"token": {"auth": "bassic"}}, "token.auth", "is 'bassic', did you mean 'basic'?"),
        ({"token": {"method": "DELETE"}}, "token.method", "is 'DELETE'"),
        ({"token": {"send": "xml"}}, "token.send", "is 'xml'"),
        ({"token": {"expires_unit": "m"}}, "token.expires_unit", "is 'm'"),
        ({"userinfo": {"auth": "bearer_secret"}}, "userinfo.auth", "is 'bearer_secret'"),
        ({"userinfo": {"source": "tokens"}}, "userinfo.source", "did you mean 'token'?"),
        ({"userinfo": {"format": "jsnop"}}, "userinfo.format", "is 'jsnop', did you mean 'jsonp'?"),
        ({"authorize": {"state_in": "none"}}, "authorize.state_in", "is 'none'"),
        ({"calc": {"c": {"key": "a", "data": "b", "case": "title"}}}, "calc.c.case", "is 'title'"),
        ({"refresh": {"with": "token"}}, "refresh.with", "is 'token'"),
        ({"revoke": {"url": "https://own.example/r", "style": "basic"}}, "revoke.style", "is 'basic'"),
        ({"verify": [{"kind": "by oath"}]}, "verify[0].kind", "is 'by oath'"),
        ({"policy": [{"op": "ok", "path": "id", "error": "e"}]}, "policy[0].op", "is 'ok'"),
        ({"id_token": {**KEYS, "algs": ["none"]}}, "id_token.algs", "is 'none'"),
        ({"id_token": {**KEYS, "nonce": "on"}}, "id_token.nonce", "is 'on'"),
        ({"id_token": {**KEYS, "lax": ["exp"]}}, "id_token.lax", "is 'exp'"),
        ({"vars": {"v": {"kind": "uri"}}}, "vars.v.kind", "is 'uri', did you mean 'url'?"),
        ({"calc": {"c": {"key": "a", "data": "b", "sign": "sha1"}}}, "calc.c.sign", "is 'sha1'"),
        # An expression that cannot be read, or names something that there is not.
        ({"userinfo": {"params": {"a": "{"}}}, "userinfo.params.a", "cannot be read"),
        ({"uid": {"path": "a["}}, "uid.path", "cannot be read"),
        ({"uid": {"path": ""}}, "uid.path", "cannot be read"),
        ({"verify": [{**LOOK_UP, "must": {"a[": "b"}}]}, "verify[0].must.a[", "cannot be read"),
        ({"id_token": {**KEYS, "issuer": ["{"]}}, "id_token.issuer", "cannot be read"),
        ({"authorize": {"params": {"a": "{clientid}"}}}, "authorize.params.a", "did you mean '{client_id}'?"),
        ({"authorize": {"params": {"a": "{state}"}}}, "authorize.params.a", "names {state}, which is not known"),
        ({"authorize": {"params": {"a": "{settings.b}"}}}, "authorize.params.a", "did you mean '{setting.…}'?"),
        ({"authorize": {"params": {"a": "{v.b}"}}, "vars": {"v": {}}}, "authorize.params.a", "names {v.b}"),
        ({"account": {"email": "$emails[0].email"}}, "account.email", "names $emails, which is not known"),
        ({"account": {"email": "$tokens.email"}}, "account.email", "did you mean '$token'?"),
        # A name that means something else already.
        ({"vars": {"code": {}}}, "vars.code", "is the name of something else"),
        ({"calc": {"client_id": {"key": "a", "data": "b"}}}, "calc.client_id", "is the name of something else"),
        (
            {"userinfo": {"requests": [{"id": "token", "url": "https://own.example"}]}},
            "userinfo.requests[0].token",
            "is the name of something else",
        ),
        # A host that an answer chooses would get the token.
        ({"userinfo": {"url": "{token.id}"}}, "userinfo.url", "lets {token.id} choose the host"),
        ({"userinfo": {"url": "https://{claim.h}.example/me"}}, "userinfo.url", "lets {claim.h} choose the host"),
        ({"id_token": {**KEYS, "jwks": "https://{claim.iss}?a"}}, "id_token.jwks", "lets {claim.iss} choose the host"),
        ({"userinfo": {"url": "https://{token.h}", "hosts": ["a.example"]}}, "userinfo.url", "lets {token.h} choose"),
        ({"userinfo": {"url": "{token.id}", "hosts": ["{token.h}"]}}, "userinfo.hosts", "lets {token.h} choose"),
        ({"refresh": {"url": "{token.url}/r"}}, "refresh.url", "lets {token.url} choose the host"),
        ({"api_hosts": ["{setting.h}.example"]}, "api_hosts", "lets {setting.h} choose the host"),
        ({"api_hosts": "own.example"}, "api_hosts", "is a text"),
        (
            {"api_hosts": ["own.example", "https://own.example"]},
            "api_hosts",
            "holds 'https://own.example', which is no",
        ),
        ({"api_hosts": ["*.com"]}, "api_hosts", "holds '*.com', which is no host"),
        ({"api_hosts": [""]}, "api_hosts", "holds '', which is no host"),
    ],
)
def test_a_mistake_is_told_by_file_and_key(change: dict[str, Any], key: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(**change)

    assert caught.value.setting == f"own.toml.{key}"
    assert caught.value.message.startswith(f"own.toml.{key} ")
    assert what in caught.value.message
    assert caught.value.allowed


def test_what_is_none_in_an_inline_table_is_left_out() -> None:
    assert parsed(token={"method": None}, userinfo={"params": None}) == parsed()


def test_a_base_alone_has_the_defaults_of_the_format() -> None:
    provider = parsed()

    assert provider.protocol == "oauth2"
    assert provider.flows == {"redirect", "token"}
    assert (provider.authorize.pkce, provider.authorize.scope_sep, provider.authorize.response_mode) == (
        "supported",
        " ",
        None,
    )
    assert (provider.token.auth, provider.token.method, provider.token.send) == ("body", "POST", "form")
    assert (provider.userinfo.source, provider.userinfo.main.auth, provider.uid.source) == ("request", "bearer", "id")
    assert (provider.refresh.enabled, provider.refresh.rotates, provider.refresh.call) == (True, True, provider.token)
    assert provider.refresh.ended == frozenset()
    assert (provider.revoke, provider.proofs, provider.id_token, provider.oidc) == (None, (), None, None)
    assert (provider.email_verified, provider.authority.source) == (False, "")


def test_an_openid_provider_with_metadata_needs_no_endpoints() -> None:
    oidc = {"endpoint": "https://own.example"}

    provider = parsed(protocol="oidc", oidc=oidc, authorize=None, token=None, userinfo=None)

    assert (provider.uid.source, provider.token.auth, provider.account["first_name"].source) == (
        "sub",
        "metadata",
        "given_name",
    )
    assert provider.id_token is not None
    assert (provider.id_token.algs, provider.id_token.nonce) == (("RS256",), "required")


def test_a_provider_for_client_tokens_alone_needs_no_authorization_endpoint() -> None:
    provider = parsed(flows=["token"], authorize=None, token=None, verify=[LOOK_UP])

    assert provider.flows == {"token"}
    assert provider.authorize.url is None


def test_a_profile_in_the_token_answer_needs_no_request() -> None:
    provider = parsed(userinfo={"source": "token", "url": ""})

    assert provider.userinfo.source == "token"


def test_a_provider_that_renews_nothing_says_so() -> None:
    assert parsed(refresh=False).refresh.enabled is False


def test_what_nobody_knows_is_stated() -> None:
    provider = parsed(brand="none known", revoke="none known", verify="none known")

    assert (provider.color, provider.mark, provider.revoke, provider.proofs) == (None, None, None, ())


def test_a_brand_has_a_colour_and_a_mark() -> None:
    provider = parsed(brand={"color": "#5e6ad2", "mark": "github"})

    assert (provider.color, provider.mark) == ("#5e6ad2", "github")


@pytest.mark.parametrize("month", ["2019", "2019-04"])
def test_a_service_that_is_shut_down_needs_no_endpoints(month: str) -> None:
    provider = parsed(retired=month, authorize=None, token=None, userinfo=None)

    assert (provider.retired, provider.flows, provider.refresh.enabled) == (month, frozenset(), False)


def test_a_service_that_is_shut_down_may_say_how_it_was_renewed() -> None:
    assert parsed(retired="2019", refresh={"rotates": False}).refresh.enabled is True


@pytest.mark.parametrize("protocol", ["openid2", "saml", "custom"])
def test_a_protocol_without_these_endpoints_demands_none(protocol: str) -> None:
    more = {"openid2": {"url": "https://own.example"}} if protocol == "openid2" else {}

    assert parsed(protocol=protocol, authorize=None, token=None, userinfo=None, **more).protocol == protocol


def test_an_account_may_be_for_linking_alone() -> None:
    assert [parsed().association_only, parsed(association_only=True).association_only] == [False, True]


@pytest.mark.parametrize(("code", "module"), [(None, None), (False, None), (True, "own"), ("base", "base")])
def test_code_lies_beside_the_file_or_the_one_that_it_extends(code: object, module: str | None) -> None:
    assert parsed(code=code).code == module


def test_a_renewal_differs_from_the_exchange_only_where_it_says() -> None:
    token = {"method": "GET", "headers": {"x": "y"}, "params": {"a": "b"}, "rename": {"code": "c"}, "drop": ["code"]}

    kept = parsed(token=token, refresh={}).refresh.call
    changed = parsed(token=token, refresh={"headers": {}, "params": {}, "rename": {}, "drop": []}).refresh.call

    assert kept == parsed(token=token).token
    assert changed.method == "GET"
    assert [len(one) for one in (changed.headers, changed.params, changed.rename, changed.drop)] == [0, 0, 0, 0]


def test_extra_data_have_three_spellings() -> None:
    provider = parsed(extra_data=["a", ["b", "c"], ["d", "e", True]])

    assert provider.extra_data == (("a", "a", False), ("b", "c", False), ("d", "e", True))


def test_a_variable_may_say_which_host_is_asked() -> None:
    url = "https://{tenant}.own.example/{tenant}/token?tenant={tenant}"

    provider = parsed(vars={"tenant": {"choices": {"eu": "own-eu"}}}, token={"url": url})

    assert provider.token.url is not None
    assert provider.token.url.source == url
    assert provider.variables["tenant"].choices == {"eu": "own-eu"}


def test_a_further_request_gives_a_root_to_paths() -> None:
    requests = [{"id": "more", "url": "https://own.example/{userinfo.id}/more?t={token.t}", "format": "none"}]

    provider = parsed(userinfo={"requests": requests}, account={"email": "$more.email|'$none'"})

    assert provider.userinfo.requests[0].format == "none"
    assert provider.account["email"].source == "$more.email|'$none'"


def test_a_provider_may_name_ways_of_its_own_to_send_a_secret() -> None:
    provider = parsed(token={"auth": "header:secret-key"}, userinfo={"auth": "name:x-token"})

    assert (provider.token.auth, provider.userinfo.main.auth) == ("header:secret-key", "name:x-token")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["{v}", "$a.b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "url", "v", "kind"]), inner),
    max_leaves=6,
)
TABLES = ["authorize", "callback", "token", "userinfo", "uid", "account", "errors", "refresh", "revoke", "oidc"]
INNER = ["url", "scope", "params", "auth", "source", "requests", "body", "path", "email_verified", "with", "offline"]


@given(st.sampled_from([*TABLES, "id_token"]), st.sampled_from([*INNER, "issuer", "drop", "secret_jwt"]), ANYTHING)
def test_whatever_stands_in_a_table_gives_a_provider_or_a_settings_error(table: str, key: str, value: object) -> None:
    with suppress(SettingsError):
        parsed(**{table: {key: value}})


@given(st.sampled_from([*TABLES, *BASE, "vars", "calc", "verify", "policy", "extra_data", "flows"]), ANYTHING)
def test_whatever_stands_at_the_top_gives_a_provider_or_a_settings_error(key: str, value: object) -> None:
    with suppress(SettingsError):
        parsed(**{key: value})
