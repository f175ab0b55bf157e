"""The project of the page on Django: its users, its CSRF check, its database, and a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app import BASE, KEY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/django.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\{code-block\} python\n:caption: (project/\w+\.py)\n\n(.*?)^```$", PAGE, re.S | re.M))

# What every project has, and what the page leaves to it.
SETTINGS = f"""
SECRET_KEY = "{KEY}"
ALLOWED_HOSTS = ["app.example"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "users.db"}}}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "project.urls"
"""
URLS = """
from django.contrib.auth import aauthenticate, alogin
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from project.views import home, phone


@csrf_exempt
async def sign_in(request):
    await alogin(request, await aauthenticate(request, username="ada", password="first"))
    return HttpResponse("signed in")


urlpatterns = [path("", home), path("phone", phone), path("sign-in", sign_in)]
"""
ANSWERS = {
    "as nobody": [401, "application/problem+json", "not_signed_in"],
    "signed in": 200,
    "as ada": {"linked": []},
    "begun": [303, "https://github.com/login/oauth/authorize"],
    "phone": [401, True],
    "after a change": [401, 401],
    "as a person": [303, "/accounts/login/?next=/associate/"],
    "load_user": ["ada", None, None],
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("django")
    files = {**FILES, "project/settings.py": SETTINGS + FILES["project/settings.py"], "project/urls.py": URLS}
    (folder / "project").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "SOCIAL_SECRET_KEY": KEY,
        "BASE_URL": BASE,
        "ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id",
        "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret",
    }
    command = [sys.executable, str(ROOT / "tests/examples/django_project.py")]
    done = subprocess.run(  # noqa: S603  # the page's own
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_the_page_shows_each_file() -> None:
    assert sorted(FILES) == [f"project/{name}.py" for name in ("asgi", "settings", "social", "views")]


@pytest.mark.parametrize("what", ANSWERS)
def test_the_project_of_the_page_answers(answers: dict[str, object], what: str) -> None:
    assert answers[what] == ANSWERS[what]
