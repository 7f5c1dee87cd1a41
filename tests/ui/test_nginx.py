"""The words of docs/deployment for nginx, run by nginx: the app under a path, behind a proxy, with a login."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import httpx
import pytest

from lofi.ui.accounts import hashed, write_users
from tests.conftest import REPOSITORY, running_app

_PAGE = REPOSITORY / "docs" / "deployment" / "index.md"
WORDS = "several words of anna"
_CONF = """
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("nginx is needed (on Debian: apt install nginx-light)")
        pytest.skip("no nginx here (on Debian: apt install nginx-light)")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    write_users(folder / "users", {"anna": hashed(WORDS)})
    settings = {
        "LOFI_AUTH": f"file:{folder / 'users'}",
        "LOFI_AUDIT": str(folder / "audit"),
        "LOFI_ROOT_PATH": "/imaging/lofi",
        "LOFI_PROXIES": "127.0.0.1",
        "LOFI_API": "off",
    }
    with running_app(folder, **settings) as app:
        (written,) = re.findall(r"^```nginx\n(.*?)^```", _PAGE.read_text("utf-8"), re.M | re.S)
        location = written.replace("127.0.0.1:7860", f"127.0.0.1:{urlsplit(app).port}")
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "conf").write_text(_CONF.format(folder=folder, port=port, location=location, user=user))
        proxy = subprocess.Popen([program, "-c", str(folder / "conf"), "-p", str(folder), "-g", "daemon off;"])
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/imaging/lofi"
        finally:
            proxy.terminate()
            proxy.wait(60)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=120, follow_redirects=False) as client:
        yield client


def test_the_readmes_proxy_leads_to_the_login_and_then_to_the_page(address: str, client: httpx.Client) -> None:
    assert client.get(f"{address}/").headers["location"] == "/imaging/lofi/login"
    assert client.get(f"{address}/login").status_code == 200
    origin = {"Origin": address.removesuffix("/imaging/lofi")}
    values = {"name": "anna", "password": WORDS}
    assert client.post(f"{address}/login", json=values, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post(f"{address}/login", json=values).status_code == 403  # a program, and the API is off
    answer = client.post(f"{address}/login", json=values, headers=origin)
    assert answer.status_code == 200
    cookie = SimpleCookie(answer.headers["set-cookie"])["lofi_session"]
    assert cookie["path"] == "/imaging/lofi"
    page = client.get(f"{address}/")
    assert page.status_code == 200
    assert 'data-root="/imaging/lofi/"' in page.text
    assert 'src="/imaging/lofi/lofi/viewer/' in page.text
    assert client.get(f"{address}/robots.txt").status_code == 200
    sent = {**origin, "Content-Type": "application/octet-stream"}
    film = next((REPOSITORY / "assets" / "gallery" / "films").iterdir()).read_bytes()
    assert client.post(f"{address}/lofi/open", content=film, headers=sent).status_code == 200


def test_what_a_browser_says_of_itself_goes_no_further(address: str, client: httpx.Client) -> None:
    said = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "10.9.9.9", "X-Remote-User": "anna"}
    assert client.get(f"{address}/", headers=said).status_code == 303
    assert client.get(f"{address}/healthz").status_code in (200, 503)
    assert (
        client.get(f"{address}/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200
    )  # nginx is here
    assert client.get(f"{address}/../gradio_api/info").status_code == 404
    assert client.get(f"{address}/config").status_code == 404


def test_the_audit_log_names_the_user(address: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = next(tmp_path_factory.getbasetemp().glob("nginx*/audit"))
    noted = [json.loads(line) for line in file.read_text().splitlines()]
    assert {"open", "log in"} <= {line["what"] for line in noted}
    assert noted[-1]["user"] == "anna"
