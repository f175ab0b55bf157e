"""The watch that all these tests stand on: it notices what it is there for."""

import re

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(
    ("put", "noticed"),
    [
        pytest.param("<img src='https://third.example/a.png'>", "a request to third.example", id="third-party"),
        pytest.param("<img src='http://203.0.113.7/a.png'>", "a request to 203.0.113.7", id="by-address"),
        pytest.param("<img src='/nothing.png'>", "console: .*404", id="missing-picture"),
        pytest.param("<script>throw new Error('oh')</script>", "exception: .*oh", id="exception"),
        pytest.param(
            "<meta http-equiv='Content-Security-Policy' content=\"style-src 'none'\"><p style='color:red'>",
            "console: .*Content Security Policy",
            id="policy",
        ),
    ],
)
async def test_what_a_page_does_wrong_is_noticed(new_visitor: NewVisitor, put: str, noticed: str) -> None:
    person = await new_visitor()
    await person.open("/sign-in")

    await person.page.set_content(put)
    await person.page.wait_for_load_state("networkidle")

    faults, person.faults = person.faults, []
    assert any(re.match(noticed, fault) for fault in faults), faults


async def test_a_page_with_an_error_status_alone_is_no_fault(amina: Visitor) -> None:
    await amina.open("/associate/nothing/")

    assert amina.status == 404
    assert amina.faults == []
