"""An example as it stands, below a path that the server is told; the two servers differ in what a proxy has to do."""

from pathlib import Path

import httpx
import pytest

from tests.app import KEY, query_of
from tests.servers.serving import serving

ENVIRONMENT = {
    "SECRET_KEY": KEY,
    "ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id",
    "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret",
}
CLICK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}


@pytest.mark.parametrize(
    ("server", "asked_at"),
    [
        pytest.param("uvicorn", "", id="uvicorn puts the path before what the proxy has stripped"),
        pytest.param("hypercorn", "/api", id="hypercorn takes the path as it comes"),
    ],
)
@pytest.mark.parametrize("base_url", ["", "https://app.example/api"], ids=["none", "base_url"])
async def test_the_redirect_uri_holds_the_path_once(server: str, asked_at: str, base_url: str, tmp_path: Path) -> None:
    environment = ENVIRONMENT | ({"BASE_URL": base_url} if base_url else {})
    app = "examples.starlette_app:app"
    async with (
        serving(server, app, "--root-path", "/api", folder=tmp_path, environment=environment) as served,
        httpx.AsyncClient(base_url=served.base, trust_env=False, timeout=30) as http,
    ):
        signed_in = await http.post(f"{asked_at}/sign-in/7")
        begun = await http.get(f"{asked_at}/associate/github/", headers=CLICK)

    assert (signed_in.status_code, begun.status_code) == (200, 303)
    expected = f"{base_url or served.base + '/api'}/complete/github/"
    assert query_of(begun.headers["location"])["redirect_uri"] == expected
    assert served.complaints == []
