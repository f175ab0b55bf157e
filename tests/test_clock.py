"""The machine's own clock; every other test has one that it moves by hand."""

import time

from asgi_social.clock import SystemClock


async def test_the_machine_s_clock_is_asked() -> None:
    clock = SystemClock()

    before, now, after = time.time(), clock.now(), time.time()
    first, second = clock.monotonic(), clock.monotonic()
    await clock.sleep(0)

    assert before <= now <= after
    assert first <= second
