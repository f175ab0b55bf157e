"""GitHub's API and an OpenID provider's keys, as a process of its own that costs the one that asks it nothing.

Its arguments: after how many milliseconds it answers, and its key set. It prints its port.
"""

import asyncio
import json
import socket
import sys

import uvicorn
from starlette.types import Receive, Scope, Send

PERSON = {"id": 583231, "login": "octocat", "name": "The Octocat", "email": "octocat@github.example"}
EMAILS = [{"email": "octocat@github.example", "primary": True, "verified": True}]
LOOK_UP = {"app": {"client_id": "an-id"}, "user": {"id": 583231}}


def main() -> None:
    """Serve."""
    seconds, key_set = float(sys.argv[1]) / 1000, json.loads(sys.argv[2])
    # Named as TCP, or asyncio would not turn Nagle's algorithm off, and each answer would wait for 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(64)
        issuer = f"http://127.0.0.1:{bound.getsockname()[1]}"
        metadata = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
        told = {
            "/applications/an-id/token": LOOK_UP,
            "/user": PERSON,
            "/user/emails": EMAILS,
            "/.well-known/openid-configuration": metadata,
            "/jwks": key_set,
        }
        answers = {path: json.dumps(one).encode() for path, one in told.items()}

        async def api(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body"):
                pass
            await asyncio.sleep(seconds)
            body = answers[scope["path"]]
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        sys.stdout.write(f"{bound.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(api, lifespan="off", log_level="error", access_log=False)
        uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main()
