"""What a renewal costs its callers: none waits who has a token that lives, and nobody without end (row SR-F05)."""

from dataclasses import replace

import pytest

from asgi_social import ProviderUnreachable
from asgi_social.refresh.attempt import LEASE
from asgi_social.refresh.renewals import WAIT_SECONDS
from tests.renewing import Acme, at
from tests.security.renewal_doubles import in_time


async def test_sr_f05_a_caller_waits_for_another_process_at_most_its_time_and_gets_a_typed_error() -> None:
    acme = Acme()
    async with at(acme) as there:
        row = await there.row()
        await there.repository.lease(row.id, version=row.version, lease_id="of another", seconds=LEASE)
        began = there.clock.monotonic()

        with pytest.raises(ProviderUnreachable) as raised:
            await in_time(there.association.refresh_token(), there.clock, step=0.1)

        assert there.clock.monotonic() - began <= WAIT_SECONDS + 1
    assert (raised.value.may_have_arrived, acme.renewals) == (False, [])


async def test_sr_f05_a_caller_waits_for_its_turn_and_its_renewal_at_most_its_time_while_the_renewal_goes_on() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        hasty = replace(there.social.engine.renewals, caller_seconds=0.0)

        with pytest.raises(ProviderUnreachable) as raised:
            await hasty.renewed(await there.row())

        acme.gate.set()
        await there.at_rest()
        assert (await there.row()).version == 2
    assert not raised.value.may_have_arrived
