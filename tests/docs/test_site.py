"""What the build of the site does besides: references to public names, and the sentences of properties."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from asgi_social import Association
from docs._ext.site import public_name, whole_sentence


def resolved(target: str, *, domain: str = "py") -> Any:
    """Give where a reference leads, or ``the text`` where it is named without a link; None: nobody knows it."""

    def resolve_xref(env: Any, page: str, builder: Any, kind: str, name: str, *_: Any) -> str:
        return f"a link from {page} to {name}"

    env = SimpleNamespace(domains=SimpleNamespace(python_domain=SimpleNamespace(resolve_xref=resolve_xref)))
    node = {"refdomain": domain, "reftarget": target, "refdoc": "reference/api"}
    return public_name(cast(Any, SimpleNamespace(builder=None)), cast(Any, env), cast(Any, node), cast(Any, "the text"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("asgi_social.association.Association", "asgi_social.Association", id="where it is written"),
        pytest.param("NeedsReauth", "asgi_social.NeedsReauth", id="by itself"),
        pytest.param("asgi_social.testing.fake_people.Person", "asgi_social.testing.Person", id="for tests"),
    ],
)
def test_a_public_name_is_linked_wherever_it_is_written(target: str, expected: str) -> None:
    assert resolved(target) == f"a link from reference/api to {expected}"


@pytest.mark.parametrize("target", ["httpx.AsyncClient", "asgi_social.refresh.Renewable", "collections.abc.Mapping"])
def test_a_name_that_is_not_ours_or_private_is_not_linked(target: str) -> None:
    assert resolved(target) == "the text"


@pytest.mark.parametrize(
    ("target", "domain"), [("asgi_social.Asociation", "py"), ("asgi_social.testing.Persons", "py"), ("x", "std")]
)
def test_a_name_that_there_is_not_stays_a_fault_of_the_build(target: str, domain: str) -> None:
    assert resolved(target, domain=domain) is None


def test_a_property_keeps_what_stands_before_a_colon() -> None:
    lines = ["names and so on", "", ":type: All that is kept"]

    whole_sentence(cast(Any, None), "property", "account", Association.account, None, lines)

    assert lines[0].startswith("All that is kept of the account: names")


def test_anything_else_is_left_as_it_is() -> None:
    lines = ["Give the name.", ":type: str"]

    whole_sentence(cast(Any, None), "method", "account", Association.account, None, lines)

    assert lines == ["Give the name.", ":type: str"]
