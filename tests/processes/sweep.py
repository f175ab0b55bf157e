"""A worker that sweeps once when it is told to, as cron would have it: ``python -m tests.processes.sweep``."""

import asyncio

from tests.processes.inside import Inside, tell


async def main() -> None:
    inside = Inside()
    inside.listen()
    async with inside.social as social:
        inside.gates.close("sweep")
        await inside.gates.through("sweep")
        swept = await social.refresh_due()
    tell(f"swept {swept.renewed} {swept.elsewhere} {swept.total}")


if __name__ == "__main__":
    asyncio.run(main())
