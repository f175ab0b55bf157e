"""Take two walks through the package, print the way, and fail where it turns back.

A turn-back is a call into a file that is itself waiting, further up the stack, for this very call: who reads along has
to leave a half-read file, come back into it, and leave it again. The cure is to move a function into another file, not
to add a callback. The number of files is a report; a turn-back is a fault.

Run it as ``python -m scripts.walks``; it exits with 1 where a walk turns back.
"""

import asyncio
import inspect
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import asgi_social
from asgi_social import Social, SocialMiddleware

PACKAGE = Path(asgi_social.__file__).parent
BASE_URL = "http://localhost:8000"

GITHUB: Mapping[str, object] = {
    "/login/oauth/access_token": {"access_token": "gho_walk", "token_type": "bearer", "scope": "read:user"},
    "/user": {"id": 583231, "login": "octocat", "name": "The Octocat"},
    "/user/emails": [],
}
FACEBOOK: Mapping[str, object] = {
    "/debug_token": {"data": {"app_id": "1234", "user_id": "42", "type": "USER", "is_valid": True, "expires_at": 0}},
    "/v24.0/me": {"id": "42", "name": "Ada"},
}


def main() -> int:
    """Take the walks; 1 where one turns back, else 0."""
    turned_back = False
    for name, take in {
        "GET /complete/github/": complete_github,
        'backend("facebook").do_auth(token)': do_auth_facebook,
    }.items():
        walk = asyncio.run(take())
        print(f"\n{name}\n\n{walk}")
        turned_back = turned_back or bool(walk.turn_backs)
    return int(turned_back)


# --- Measuring -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call.

    Attributes:
        file: The file of what is called, from the package's folder on.
        function: What is called.
        caller: File and function of the nearest caller inside the package; None for a call from outside.
        depth: How many of the package's functions wait for it.
        turns_back: Whether its file is waiting, and not only as its caller.
    """

    file: str
    function: str
    caller: tuple[str, str] | None
    depth: int
    turns_back: bool

    @property
    def crosses(self) -> bool:
        """Whether it leads from one file into another."""
        return self.caller is None or self.caller[0] != self.file


@dataclass(frozen=True, slots=True)
class Walk:
    """All the calls of one walk, in order; its ``str`` is the way taken, each crossing once, and the counts."""

    steps: tuple[Step, ...]

    @property
    def files(self) -> int:
        """How many files were entered."""
        return len({step.file for step in self.steps})

    @property
    def functions(self) -> int:
        """How many functions were entered."""
        return len({(step.file, step.function) for step in self.steps})

    @property
    def depth(self) -> int:
        """How many functions deep the deepest call is."""
        return max((step.depth + 1 for step in self.steps), default=0)

    @property
    def crossings(self) -> tuple[Step, ...]:
        """The calls from one file into another, in the order they were met.

        Each pair of functions is there once, or twice where it turns back in one place and not in another.
        """
        met: dict[tuple[object, ...], Step] = {}
        for step in self.steps:
            if step.crosses:
                met.setdefault((step.caller, step.file, step.function, step.turns_back), step)
        return tuple(met.values())

    @property
    def turn_backs(self) -> tuple[Step, ...]:
        """The crossings that turn back."""
        return tuple(step for step in self.crossings if step.turns_back)

    def __str__(self) -> str:
        way = "\n".join(
            f"  {'  ' * step.depth}{'↩ ' if step.turns_back else ''}{step.file} {step.function}"
            for step in self.crossings
        )
        return (
            f"{way}\n\n  {self.files} files, {self.functions} functions, {self.depth} deep, "
            f"{len(self.turn_backs)} turn-backs"
        )


async def measure(work: Awaitable[object], *, package: Path) -> Walk:
    """Await some work, and give the calls it makes inside a package.

    Only this thread is watched; what other tasks do meanwhile is counted too. A coroutine or generator is called when
    it first runs, by whoever makes it run (so a conversation is called by what plays it); later it is only resumed.

    Args:
        work: What to await.
        package: The folder whose files count.
    """
    steps: list[Step] = []
    begun: set[FrameType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        # A generator expression is an argument that is worked out late, not a call that a reader follows.
        if event != "call" or frame in begun or frame.f_code.co_name == "<genexpr>":
            return
        if (file := _file(frame, package)) is None:
            return
        if frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            begun.add(frame)
        steps.append(_step(file, frame.f_code.co_qualname, waiting=tuple(_waiting(frame, package))))

    sys.setprofile(note)
    try:
        await work
    finally:
        sys.setprofile(None)
    return Walk(tuple(steps))


def _step(file: str, function: str, *, waiting: tuple[tuple[str, str], ...]) -> Step:
    caller = waiting[0] if waiting else None
    waits = any(file == other for other, _ in waiting)
    return Step(
        file=file,
        function=function,
        caller=caller,
        depth=len(waiting),
        turns_back=waits and caller is not None and caller[0] != file and not _is_own_step(file),
    )


def _is_own_step(file: str) -> bool:
    """Say whether a file is a provider's own code, which protocols call at chosen steps: that is what it is for."""
    path = Path(file)
    return path.parent.name == "providers" and path.name != "__init__.py"


def _waiting(frame: FrameType, package: Path) -> Iterator[tuple[str, str]]:
    above = frame.f_back
    while above is not None:
        if (file := _file(above, package)) is not None:
            yield file, above.f_code.co_qualname
        above = above.f_back


def _file(frame: FrameType, package: Path) -> str | None:
    path = Path(frame.f_code.co_filename)
    return path.relative_to(package).as_posix() if path.is_relative_to(package) else None


# --- The two walks ---------------------------------------------------------------------------------------------------


async def complete_github() -> Walk:
    """Link a GitHub account, and give the walk of the browser's return."""
    async with _browser(_not_found, "github", GITHUB) as browser:
        same_origin = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
        begun = await browser.get("/associate/github/?next=/settings", headers=same_origin)
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]

        async def come_back() -> None:
            answer = await browser.get("/complete/github/", params={"code": "walk", "state": state})
            if answer.status_code != 303:
                raise RuntimeError(f"/complete/github/ answers {answer.status_code}: {answer.text}")

        return await measure(come_back(), package=PACKAGE)


async def do_auth_facebook() -> Walk:
    """Sign somebody up by a phone app's token, and give the walk of that call."""
    walks: list[Walk] = []

    async def view(scope: Scope, receive: Receive, send: Send) -> None:
        async def do_auth() -> None:
            await scope["state"]["social"].backend("facebook").do_auth("walk")

        walks.append(await measure(do_auth(), package=PACKAGE))
        await _not_found(scope, receive, send)

    async with _browser(view, "facebook", FACEBOOK) as browser:
        answer = await browser.get("/")
    if not walks:
        raise RuntimeError(f"do_auth ends with {answer.status_code}: {answer.text}")
    return walks[0]


_not_found = PlainTextResponse("", status_code=404)


@asynccontextmanager
async def _browser(app: ASGIApp, backend: str, answers: Mapping[str, object]) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser at an app with one backend, whose provider has one answer for each path."""
    provider = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.url.path]))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            httpx.AsyncClient(transport=provider) as http,
            Social(
                secret_key="a key of the walks, which seals nothing that lasts",
                backends={backend: {"client_id": "1234", "client_secret": "walk"}},
                base_url=BASE_URL,
                database=f"sqlite+aiosqlite:///{folder}/walks.db",
                current_user=lambda connection: "7",
                load_user=lambda user_id: user_id,
                create_user=lambda account: "8",
                sign_up="allow",
                http_client=http,
            ) as social,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(SocialMiddleware(app, social)), base_url=BASE_URL
            ) as browser,
        ):
            yield browser


if __name__ == "__main__":
    sys.exit(main())
