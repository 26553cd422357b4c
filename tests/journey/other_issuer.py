"""The npm package oidc-provider as an issuer on the loopback, and a user agent that goes through its own forms.

The folder `oidc_provider` pins it, and openid-client for the tests of the embedded sign-in.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import msgspec

from tests.journey.house import Form

SOURCE = Path(__file__).parent / "oidc_provider"
REDIRECTS = (301, 302, 303, 307, 308)


def installed() -> Path:
    """The folder with the packages, installed as the lock file says; kept beside the environment for the next run."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / f"oidc-provider-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        npm = shutil.which("npm")
        assert npm, "npm is needed: run tests/install-programs.sh"
        folder.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, folder)
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            check=True,
            timeout=240,
        )
        (folder / "installed").touch()
    shutil.copy(SOURCE / "server.mjs", folder)
    return folder


@contextmanager
def issuer(clients: list[dict[str, Any]], *, port: int) -> Iterator[str]:
    """A running issuer; its URL."""
    url = f"http://127.0.0.1:{port}"
    node = shutil.which("node")
    assert node, "node is needed: run tests/install-programs.sh"
    given = msgspec.json.encode({"issuer": url, "port": port, "clients": clients}).decode()
    process = subprocess.Popen([node, "server.mjs", given], cwd=installed(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def own_forms(browser: httpx2.Client, start: httpx2.Response, login: str) -> httpx2.Response:
    """From a redirect to the issuer through its login and consent forms to the redirect that leads back."""
    answer = start
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if answer.status_code in REDIRECTS:
            target = urljoin(str(answer.url), answer.headers["location"])
            if answer is not start and not target.startswith(_origin(answer.url)):
                return answer
            answer = browser.get(target)
            continue
        assert answer.status_code == 200, (str(answer.url), answer.status_code, answer.text)
        form = Form()
        form.feed(answer.text)
        filled = {**form.fields, "login": login, "password": "any"} if "login" in form.fields else form.fields
        answer = browser.post(urljoin(str(answer.url), form.action), data=filled)
    raise AssertionError("the issuer's forms do not end")


def _origin(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}/"
