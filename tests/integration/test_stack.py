"""The product in use: API, storefront and admin from the built images, fed by PostgreSQL.

Starts, with pytest-docker: PostgreSQL and Redis (images made from Debian's packages), the
migration, the seed, the API, the storefront and the admin.
"""

import base64
import json
import os
import secrets
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from toolkit.engine.find import find_plugin

STACK = Path(__file__).parent / "stack"


@pytest.fixture(scope="session")
def docker_compose_file():
    return str(STACK / "docker-compose.yml")


@pytest.fixture(scope="session")
def docker_compose_command():
    return find_plugin("docker-compose")


@pytest.fixture(scope="session")
def docker_setup(tags, definition, buildx):
    """Name the images and make this run's secrets, before compose reads its file."""
    contexts = definition["target"]["storefront"]["contexts"]
    for service in ("postgres", "redis"):
        buildx(
            "build", f"--file={STACK}/services.Dockerfile", f"--target={service}", "--load",
            f"--tag=vectis-test/{service}", "--provenance=false",
            *(f"--build-context={name}={place}" for name, place in contexts.items()), str(STACK),
        )  # fmt: skip
    for name, tag in tags.items():
        os.environ[f"{name.upper()}_IMAGE"] = tag
    for name in ("POSTGRES_PASSWORD", "SECRET_KEY", "ADMIN_PASSWORD"):
        os.environ[name] = secrets.token_urlsafe(32)
    os.environ["SECRETS_MASTER_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return ["up --detach --wait api storefront admin"]


@pytest.fixture(scope="session")
def docker_cleanup():
    return ["down --volumes --timeout 5"]


@pytest.fixture
def address(docker_services, docker_ip):
    def of(service, port):
        return f"http://{docker_ip}:{docker_services.port_for(service, port)}"

    return of


def fetch(url, data=None, **headers):
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def ask(api, query, token="", **variables):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = json.dumps({"query": query, "variables": variables}).encode()
    return json.loads(fetch(f"{api}/graphql", body, **headers))


def test_the_api_answers_health(address):
    answer = ask(address("api", 8000), "{ health }")
    assert answer == {"data": {"health": "Vectis Commerce API is healthy"}}


def test_the_storefront_shows_the_products_of_the_database(address):
    answer = ask(address("api", 8000), "{ products(first: 50) { slug name } }")
    products = answer["data"]["products"]
    assert len(products) == 12
    page = fetch(address("storefront", 3000))
    for product in products:
        assert product["name"] in page
        assert f"/products/{product['slug']}" in page


def test_a_product_has_its_page(address):
    answer = ask(address("api", 8000), "{ products(first: 1) { slug name description } }")
    (product,) = answer["data"]["products"]
    page = fetch(f"{address('storefront', 3000)}/products/{product['slug']}")
    assert product["name"] in page
    assert product["description"].split(".")[0] in page


def test_settings_are_encrypted_in_the_database_and_readable_by_the_api(address, docker_services):
    api = address("api", 8000)
    session = ask(
        api,
        "mutation ($password: String!) {"
        ' signIn(email: "admin@example.com", password: $password) { token } }',
        password=os.environ["ADMIN_PASSWORD"],
    )
    token = session["data"]["signIn"]["token"]
    saved = ask(
        api,
        'mutation { saveSetting(key: "gateway", value: "plain-text-value") { key state } }',
        token=token,
    )
    assert saved["data"]["saveSetting"] == {"key": "gateway", "state": "READABLE"}
    dump = docker_services._docker_compose.execute(
        "exec -T postgres /usr/lib/postgresql/15/bin/pg_dump -h /tmp -U shop postgres"
    )
    assert b"gateway" in dump
    assert b"plain-text-value" not in dump
    refused = ask(api, "{ settings { key } }")
    assert refused["errors"]


class StayHere(urllib.request.HTTPRedirectHandler):
    """A browser's form post, without following where it leads."""

    def redirect_request(self, *_):
        return None


def sign_in(admin, password):
    """The status of the login form, and the names of the cookies that it set."""
    body = urllib.parse.urlencode({"email": "admin@example.com", "password": password}).encode()
    headers = {"Origin": "http://localhost:3000", "Accept": "text/html"}
    request = urllib.request.Request(f"{admin}/login", body, headers)
    try:
        answer = urllib.request.build_opener(StayHere).open(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.code, answer.headers.get_all("Set-Cookie", [])


def test_the_admin_lets_in_only_who_has_the_password(address):
    admin = address("admin", 3000)
    assert 'type="password"' in fetch(admin)
    code, cookies = sign_in(admin, "wrong-wrong")
    assert 400 <= code < 500
    assert not cookies
    code, (cookie,) = sign_in(admin, os.environ["ADMIN_PASSWORD"])
    assert code == 303
    assert "HttpOnly" in cookie
    page = fetch(admin, Cookie=cookie.partition(";")[0])
    assert "READABLE" in page
