"""The table of proofs: a row for each proof of the catalogue, with who says so; and the names of those without one."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from asgi_social import providers
from docs._ext.proof_table import row_of, sources_of_proof, table_of_proofs
from docs._ext.site import PROOFS, write_proof_table
from tests.docs.pages import rows_of, text_of

TABLE = table_of_proofs()
PROVED = {name: one for name in providers.names() if (one := providers.provider(name)).proofs}


def test_each_proof_has_a_row_with_a_source() -> None:
    rows = rows_of(TABLE)

    assert rows == [row_of(one, proof) for one in PROVED.values() for proof in one.proofs]
    assert [row for row in rows if not re.search(r"\((documentation|code|catalogues|recorded), 20\d\d-", row[-1])] == []
    assert f"{len(PROVED)} providers accept client tokens with a proof." in TABLE


def test_those_without_a_proof_are_named_as_refused() -> None:
    refused = TABLE.partition("are refused as `unbound`: ")[2]

    assert "`spotify`" in refused
    assert [name for name in PROVED if f"`{name}`" in refused] == []


@pytest.mark.parametrize(
    ("name", "kind", "row"),
    [
        pytest.param(
            "twitch",
            "lookup",
            [
                "access token",
                "asking `https://id.twitch.tv/oauth2/validate`: your app in `client_id` and the person in `user_id`",
            ],
            id="a look-up",
        ),
        pytest.param(
            "apple-id",
            "id_token",
            ["ID token", "its signature (`RS256`), issuer, audience, nonce (as it is or hashed) and time"],
            id="a hashed nonce",
        ),
        pytest.param(
            "quickbooks", "id_token", ["ID token", "its signature (`RS256`), issuer, audience and time"], id="no nonce"
        ),
        pytest.param(
            "steam",
            "bound",
            [
                "ticket",
                "asking `https://api.steampowered.com/ISteamUserAuth/AuthenticateUserTicket/v1/` with a key of your "
                "app: the person in `steamid`, and `result` has to be `OK`",
            ],
            id="a ticket",
        ),
        pytest.param("vk-app", "code", ["payload", "its signature, or a trade with your secret"], id="a payload"),
    ],
)
def test_a_row_says_what_is_accepted_and_how_it_is_proved(name: str, kind: str, row: list[str]) -> None:
    proof = next(one for one in PROVED[name].proofs if one.kind == kind)

    assert row_of(PROVED[name], proof)[1:3] == row


def test_who_extends_another_provider_has_its_sources() -> None:
    assert sources_of_proof("github-org") == sources_of_proof("github")


def test_the_table_is_written_where_the_page_includes_it(tmp_path: Path) -> None:
    write_proof_table(cast(Any, SimpleNamespace(srcdir=str(tmp_path))))

    assert (tmp_path / PROOFS).read_text(encoding="utf-8") == TABLE
    assert f"```{{include}} {PROOFS.as_posix()}\n```" in text_of("client_tokens.md")
