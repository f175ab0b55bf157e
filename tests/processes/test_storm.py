"""Many callers in four processes, one expired token: exactly one request at the provider (issue 5, line 6)."""

import asyncio

import httpx
import pytest

from asgi_social.testing import Faults
from tests.certified import CertifiedProvider, consent
from tests.processes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_fifty_callers_in_four_processes_make_one_request_and_all_get_its_token_and_the_family_lives(
    world: World,
) -> None:
    association = await world.link("storm")
    world.spend(association)

    answers = await world.storm("storm", "ada")

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, f'"{await world.stored(association)}"')}
    assert len(answers) == 50
    assert len(world.renewals("storm")) == 1
    [renewed] = await world.social.associations("ada", "storm")
    await renewed.refresh_token()
    assert len(world.renewals("storm")) == 2
    assert world.fakes["storm"].families_lost == 0


@pytest.mark.node
async def test_the_certified_provider_gets_one_request_of_a_storm_and_its_family_is_alive(
    world: World, certified: CertifiedProvider
) -> None:
    """It rotates refresh tokens, and ends the whole grant where an old one comes again."""
    async with world.browser("ada") as browser, httpx.AsyncClient(trust_env=False) as person:
        begun = await browser.get("/associate/certified/")
        address = await consent(person, begun.headers["location"], login="ada")
        assert (await browser.get(address)).status_code == 303
    [association] = await world.social.associations("ada", "certified")
    world.spend(association)
    before = await certified.renewals(world.http)

    answers = await world.storm("certified", "ada")

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, f'"{await world.stored(association)}"')}
    assert len(answers) == 50
    assert await certified.renewals(world.http) == [*before, "success"]
    world.spend(association)
    again = {answer.json() for answer in await world.storm("certified", "ada")}
    assert again == {await world.stored(association)}
    assert await certified.renewals(world.http) == [*before, "success", "success"]


async def test_f_pr_14_a_hundred_tasks_in_four_processes_make_one_request(world: World) -> None:
    association = await world.link("hundred")
    world.spend(association)

    answers = await world.storm("hundred", "ada", callers=100)

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, f'"{await world.stored(association)}"')}
    assert len(answers) == 100
    assert len(world.renewals("hundred")) == 1


@pytest.mark.parametrize(
    ("user", "seconds"), [pytest.param("ada", 300, id="fast"), pytest.param("grace", -300, id="slow")]
)
@pytest.mark.parametrize("first", ["wrong", "right"])
async def test_a_process_whose_clock_is_five_minutes_wrong_makes_no_second_request(
    world: World, user: str, seconds: int, first: str
) -> None:
    fake, (wrong, right, *_) = world.fakes["plain"], world.processes
    association = await world.link("plain", user=user)
    world.spend(association)
    begins, comes = (wrong, right) if first == "wrong" else (right, wrong)
    before, refused = len(world.renewals("plain")), f"refused the lease {association.id}"
    await wrong.do(f"clock {seconds}")
    fake.faults = Faults(hang=True)

    async with asyncio.TaskGroup() as group:
        one = group.create_task(world.ask(begins, "plain", user))
        await fake.faults.hanging.wait()
        other = group.create_task(world.ask(comes, "plain", user))
        await comes.says(refused, times=comes.lines.count(refused) + 1)
        fake.faults.release.set()
    await wrong.do("clock 0")

    assert one.result().json() == other.result().json() == await world.stored(association)
    assert len(world.renewals("plain")) == before + 1


async def test_a_process_whose_clock_is_five_minutes_slow_keeps_a_link_whose_renewal_brings_an_id_token(
    world: World,
) -> None:
    slow = world.processes[0]
    association = await world.link("clock")
    world.spend(association)
    await slow.do("clock -300")

    answer = await world.ask(slow, "clock", "ada")
    await slow.do("clock 0")

    assert answer.status_code == 200
    assert (await world.row(association)).status == "active"
