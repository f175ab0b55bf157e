"""Runs the Django project of ``docs/how-to/django.md`` in the folder it lies in, and prints what it answered.

A process of its own, because Django takes its settings once.
"""

import asyncio
import json
import os

import django
import httpx
from django.contrib.auth import get_user_model
from django.core.management import call_command

BASE = "https://app.example"


async def answers() -> dict[str, object]:
    """Ask as nobody, as Ada, and as Ada after her password was changed."""
    from project.asgi import application  # type: ignore[import-not-found]  # the page's

    users = get_user_model()
    ada = await users.objects.acreate_user("ada", password="first")
    transport = httpx.ASGITransport(application)
    headers = {"accept": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        as_nobody = await http.get("/")
        signed_in = await http.post("/sign-in")
        as_ada = await http.get("/")
        begun = await http.get(
            "/associate/github/", headers={"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
        )
        phone = await http.post("/phone", headers={"authorization": "Bearer "})
        ada.set_password("second")
        await ada.asave()
        after_a_change = await http.get("/")
        ours_after_a_change = await http.get("/associate/")
        as_person = await http.get("/associate/", headers={"accept": "text/html"})
    await application.social.close()
    return {
        "as nobody": [as_nobody.status_code, as_nobody.headers["content-type"], as_nobody.json()["code"]],
        "signed in": signed_in.status_code,
        "as ada": as_ada.json(),
        "begun": [begun.status_code, begun.headers["location"].partition("?")[0]],
        "phone": [phone.status_code, "malformed" in phone.text],
        "after a change": [after_a_change.status_code, ours_after_a_change.status_code],
        "as a person": [as_person.status_code, as_person.headers.get("location")],
        "load_user": await loaded(ada.pk),
    }


async def loaded(user_id: int) -> list[object]:
    """Load Ada, nobody, and Ada once she is not let in any more, and give their names."""
    from project.social import load_user  # type: ignore[import-not-found]  # the page's

    ada = await load_user(user_id)
    nobody = await load_user(user_id + 1)
    ada.is_active = False
    await ada.asave()
    shut_out = await load_user(user_id)
    return [one and one.get_username() for one in (ada, nobody, shut_out)]


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    print(json.dumps(asyncio.run(answers())))  # noqa: T201  # read by the test
