"""The product in production settings, run for real: docker-compose.prod.yml with the built images.

Starts, with pytest-docker, the whole file: proxy, API (two replicas), worker, consumer, storefront,
admin, migration, seed, and the third parties as tests/integration/stack/ makes them; a headless
Chromium; and a second project whose migration fails.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import secrets
import ssl
import subprocess
import threading
import time

import pytest

from tests.integration.conftest import ROOT, build, invoke
from tests.integration.shop import Site
from toolkit.engine.find import find_plugin
from toolkit.manifest import read_release
from toolkit.stack.model import name_images

SERVICES = {
    "proxy", "storefront", "admin", "api", "worker", "consumer", "migrate", "seed", "postgres",
    "redis", "redpanda", "temporal", "meilisearch", "typesense", "minio",
}  # fmt: skip
ARTIFACTS = ROOT / "dist" / "screenshots"


@pytest.fixture(scope="session")
def docker_compose_file():
    return str(ROOT / "docker-compose.prod.yml")


@pytest.fixture(scope="session")
def docker_compose_command():
    return find_plugin("docker-compose")


@pytest.fixture(scope="session")
def docker_compose_project_name():
    return f"vectis-test-{os.getpid()}"


@pytest.fixture(scope="session")
def settings(release, parties, engine):
    """What the stack is started with: this run's own secrets, ports that are free."""
    build()  # so that dist/release.json is of all images again, whatever was built last
    return {
        **name_images(read_release(ROOT / "dist" / "release.json"), by_digest=engine.containerd),
        **parties,
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SECRETS_MASTER_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ADMIN_EMAIL": "admin@example.com",
        "ADMIN_PASSWORD": secrets.token_urlsafe(24),
        "MEILISEARCH_API_KEY": secrets.token_urlsafe(24),
        "TYPESENSE_API_KEY": secrets.token_urlsafe(24),
        "S3_ACCESS_KEY": secrets.token_hex(8),
        "S3_SECRET_KEY": secrets.token_hex(16),
        "SHOP_ORIGIN": "https://shop.localhost",
        "ADMIN_ORIGIN": "https://admin.localhost",
        "API_ORIGIN": "https://api.localhost",
        "TLS_MODE": "internal",
        "HTTP_PUBLISH": "127.0.0.1:",
        "HTTPS_PUBLISH": "127.0.0.1:",
        "ADMIN_PUBLISH": "127.0.0.1:",
        "API_PUBLISH": "127.0.0.1:",
        "WEB_SUBNET": "10.213.93.0/24",
    }


@pytest.fixture(scope="session")
def docker_setup(settings, docker_compose_project_name):
    os.environ.update(settings)
    os.environ["COMPOSE_PROJECT_NAME"] = docker_compose_project_name
    os.environ["COMPOSE_PROFILES"] = "services"
    return ["up --detach --wait --scale api=2"]


@pytest.fixture(scope="session")
def docker_cleanup():
    return ["down --volumes --timeout 5"]


@pytest.fixture(scope="session")
def compose(docker_services):
    """Run a compose command in the stack."""

    def run(command):
        return docker_services._docker_compose.execute(command).decode()

    return run


@pytest.fixture(scope="session")
def context(compose):
    """TLS that trusts the proxy's own authority, and nothing else."""
    root = compose("exec -T proxy cat /data/caddy/pki/authorities/local/root.crt")
    return ssl.create_default_context(cadata=root)


@pytest.fixture(scope="session")
def sites(docker_services, context, settings):
    port = docker_services.port_for("proxy", 443)
    return {
        name: Site(settings[f"{name.upper()}_ORIGIN"], port, context)
        for name in ("shop", "admin", "api")
    }


@pytest.fixture(scope="session")
def api(sites):
    return sites["api"]


@pytest.fixture(scope="session")
def token(api, settings):
    answer = api.query(
        "mutation ($email: String!, $password: String!) {"
        " signIn(email: $email, password: $password) { token } }",
        email=settings["ADMIN_EMAIL"], password=settings["ADMIN_PASSWORD"],
    )  # fmt: skip
    return answer["data"]["signIn"]["token"]


def containers(compose):
    lines = compose("ps --all --format json").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def wait_until(check, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.3)
    return found


def test_everything_runs_healthy_and_locked_down(compose, client):
    found = containers(compose)
    assert {one["Service"] for one in found} == SERVICES
    for one in found:
        once = one["Service"] in ("migrate", "seed")
        assert one["State"] == ("exited" if once else "running"), one
        assert one["ExitCode"] == 0
        assert one["Health"] == ("" if once else "healthy"), one
        details = client.api.inspect_container(one["ID"])["HostConfig"]
        assert details["CapDrop"] == ["ALL"]
        assert details["SecurityOpt"] == ["no-new-privileges:true"]
        assert details["Memory"] > 0
        assert details["PidsLimit"] > 0
        assert details["LogConfig"]["Config"]["max-size"] == "10m"
        assert details["ReadonlyRootfs"] or one["Service"] == "redpanda"
        published = [port for ports in details["PortBindings"].values() for port in ports]
        assert bool(published) == (one["Service"] == "proxy")
    assert sum(one["Service"] == "api" for one in found) == 2


def test_health_is_answered_through_https(api):
    assert api.query("{ health }") == {"data": {"health": "Vectis Commerce API is healthy"}}


def test_the_proxy_speaks_http_2_and_3_compresses_and_sets_headers(sites, docker_services):
    shop = sites["shop"]
    with shop.open(alpn=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    answer = shop.get("/", **{"Accept-Encoding": "zstd, gzip"})
    assert answer.headers["content-encoding"] in ("zstd", "gzip")
    assert 'h3=":443"' in answer.headers["alt-svc"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers
    plain = http.client.HTTPConnection("127.0.0.1", docker_services.port_for("proxy", 80))
    plain.request("GET", "/about", headers={"Host": "shop.localhost"})
    redirect = plain.getresponse()
    assert redirect.status == 308
    assert redirect.headers["Location"] == "https://shop.localhost/about"


@pytest.mark.parametrize(
    ("mode", "issuer"),
    [
        ("public", None),
        ("ip", {"module": "acme", "profile": "shortlived"}),
        ("internal", {"module": "internal"}),
    ],
)
def test_every_way_to_a_certificate_is_understood_by_the_proxy(client, parties, mode, issuer):
    origins = {f"{name}_ORIGIN": f"https://203.0.113.7:{port}" for name, port in
               (("SHOP", 443), ("ADMIN", 8443), ("API", 8444))}  # fmt: skip
    caddyfile = ROOT / "images" / "proxy" / "Caddyfile"
    printed = client.containers.run(
        parties["CADDY_IMAGE"], ["caddy", "adapt", "--config", "/etc/caddy/Caddyfile"],
        environment={**origins, "TLS_MODE": mode}, remove=True,
        volumes={str(caddyfile): {"bind": "/etc/caddy/Caddyfile", "mode": "ro"}},
    )  # fmt: skip
    apps = json.loads(printed)["apps"]
    policies = apps.get("tls", {}).get("automation", {}).get("policies", [])
    issuers = [one for policy in policies for one in policy.get("issuers", [])]
    assert issuers == ([issuer] if issuer else [])
    listening = {address for one in apps["http"]["servers"].values() for address in one["listen"]}
    assert listening == {":443", ":8443", ":8444", ":8000"}


def test_the_storefront_shows_the_products_of_the_database(sites, api):
    products = api.query("{ products(first: 50) { slug name description } }")["data"]["products"]
    assert len(products) == 12
    page = sites["shop"].get("/").text
    for product in products:
        assert product["name"] in page
        assert f"/products/{product['slug']}" in page
    page = sites["shop"].get(f"/products/{products[0]['slug']}").text
    assert products[0]["description"].split(".")[0] in page


def test_a_client_that_names_its_own_address_is_not_believed(sites, api):
    forged = {
        "X-Forwarded-For": "81.2.69.142",
        "X-Real-IP": "81.2.69.142",
        "Forwarded": "for=81.2.69.142",
    }
    honest = api.query("{ geo { ip } }")["data"]["geo"]["ip"]
    assert api.query("{ geo { ip } }", headers=forged)["data"]["geo"]["ip"] == honest
    # adapter-node: the storefront tells the API whom it serves.
    shop = sites["shop"]
    assert shop.query("{ geo { ip } }")["data"]["geo"]["ip"] == honest
    assert shop.query("{ geo { ip } }", headers=forged)["data"]["geo"]["ip"] == honest
    assert not honest.startswith("10.213.93.")  # nor is it the proxy's own


def test_what_is_not_the_proxys_network_is_not_believed_either(compose):
    """A worker that was broken into cannot pass for somebody else."""
    program = (
        "import json,urllib.request as u;"
        "r=u.Request('http://api:8000/graphql',b'{\\\"query\\\":\\\"{geo{ip}}\\\"}',"
        "{'content-type':'application/json','x-forwarded-for':'81.2.69.142'});"
        "print(u.urlopen(r).read().decode())"
    )
    answer = compose(f'exec -T worker python -c "{program}"')
    assert "81.2.69.142" not in answer
    assert '"ip"' in answer


def sign_in(admin, settings, **headers):
    answer = admin.post_form(
        "/login",
        {"email": settings["ADMIN_EMAIL"], "password": settings["ADMIN_PASSWORD"]},
        **headers,
    )
    assert answer.status == 303, answer.text
    return answer


def test_scheme_and_host_are_the_proxys(sites, settings):
    admin = sites["admin"]
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    answer = sign_in(admin, settings, **forged)
    assert answer.headers["location"] == "/"
    (cookie,) = answer.cookies
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    away = admin.get("/", **forged)
    assert away.status == 303
    assert away.headers["location"] == "/login"
    for path in ("//evil.example", "/\\evil.example", "/login?next=//evil.example"):
        assert "evil.example" not in admin.get(path, **forged).headers.get("location", "")
    foreign = admin.post_form(
        "/login", {"email": "a", "password": "b"}, Origin="https://evil.example"
    )
    assert foreign.status == 403
    wrong = admin.post_form("/login", {"email": settings["ADMIN_EMAIL"], "password": "wrong"})
    assert wrong.status == 400
    assert not wrong.cookies


def test_an_upload_is_stored_served_and_limited_in_one_place(sites, settings):
    admin = sites["admin"]
    cookie = sign_in(admin, settings).cookies[0].partition(";")[0]
    data = secrets.token_hex(50_000).encode()
    page = admin.post_file("/?/upload", "prices.txt", data, cookie)
    assert page.status == 200, page.text[:300]
    (link,) = set(re.findall(r"https://api\.localhost(/uploads/[0-9a-f]+\.txt)", page.text))
    answer = sites["api"].get(link)
    assert answer.body == data
    assert answer.headers["x-content-type-options"] == "nosniff"
    # The API takes 10 MiB, proxy and admin one more for what a form adds.
    almost = admin.post_file("/?/upload", "large.txt", b"x" * 10 * 1024 * 1024, cookie)
    assert almost.status == 200, almost.text[:300]
    for size in (10 * 1024 * 1024 + 1, 12 * 1024 * 1024):
        refused = admin.post_file("/?/upload", "large.txt", b"x" * size, cookie)
        assert refused.status == 413, size


def test_a_workflow_runs_on_the_worker(compose, api, token):
    out = compose(
        "exec -T temporal temporal workflow execute --task-queue vectis --type StockReport"
        " --input 100 --workflow-id a-test --output json"
    )
    listed = json.loads(out)["result"]
    assert listed > 0
    kept = api.query("{ settings { key state } }", token)["data"]["settings"]
    assert {"key": "stock_report", "state": "READABLE"} in kept


def test_an_event_is_applied_by_the_consumer_once(compose, api):
    stock = "{ products(first: 1) { slug stock } }"
    (before,) = api.query(stock)["data"]["products"]
    order = json.dumps({"id": secrets.token_hex(8), "slug": before["slug"], "quantity": 1})
    source = (ROOT / "examples/vectis/backend/app/orders.py").read_text()
    assert "quantity" in source
    program = (
        "import asyncio,sys\n"
        "from aiokafka import AIOKafkaProducer\n"
        "async def main():\n"
        " async with AIOKafkaProducer(bootstrap_servers='redpanda:9092') as p:\n"
        "  for _ in range(2): await p.send_and_wait('order.placed', sys.argv[1].encode())\n"
        "asyncio.run(main())"
    )
    encoded = base64.b64encode(program.encode()).decode()
    text = base64.b64encode(order.encode()).decode()
    compose(
        'exec -T consumer python -c "import base64,sys;'
        f"sys.argv.append(base64.b64decode('{text}').decode());"
        f"exec(base64.b64decode('{encoded}'))\""
    )
    wait_until(lambda: api.query(stock)["data"]["products"][0]["stock"] == before["stock"] - 1, 60)


def test_settings_are_encrypted_in_the_database(compose, api, token):
    saved = api.query(
        'mutation { saveSetting(key: "gateway", value: "plain-text-value") { key state } }', token
    )
    assert saved["data"]["saveSetting"] == {"key": "gateway", "state": "READABLE"}
    dump = compose("exec -T postgres pg_dump -h /tmp -U vectis vectis")
    assert "gateway" in dump
    assert "plain-text-value" not in dump
    assert api.query("{ settings { key } }")["errors"]


@pytest.fixture
def browser(client, docker_services, docker_compose_project_name, parties):
    """A page in a real Chromium, which finds the shop's names at the proxy."""
    from playwright.sync_api import sync_playwright

    one = client.containers.run(
        "vectis-test/browser",
        ["--ignore-certificate-errors", "--host-resolver-rules=MAP *.localhost proxy"],
        detach=True, ports={"9223/tcp": ("127.0.0.1", 0)}, shm_size="256m",
        network=f"{docker_compose_project_name}_edge", cap_drop=["ALL"],
    )  # fmt: skip
    try:
        one.reload()
        port = one.ports["9223/tcp"][0]["HostPort"]
        with sync_playwright() as playwright:

            def connect():
                try:
                    return playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
                except Exception:
                    return None

            chromium = wait_until(connect, 30)
            page = chromium.new_context(viewport={"width": 1200, "height": 800}).new_page()
            page.set_default_timeout(15_000)
            yield page
            chromium.close()
    finally:
        one.remove(force=True)


def test_a_browser_opens_storefront_and_admin_and_clicks(browser, settings):
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    wrong = []
    browser.on("pageerror", lambda error: wrong.append(str(error)))
    browser.goto("https://shop.localhost/")
    link = browser.locator("a[href^='/products/']").first
    link.click()
    browser.wait_for_url("**/products/**")
    assert browser.locator("h1").inner_text()
    browser.screenshot(path=str(ARTIFACTS / "storefront.png"))
    browser.goto("https://admin.localhost/")
    browser.wait_for_url("**/login")
    browser.fill("input[name=email]", settings["ADMIN_EMAIL"])
    browser.fill("input[name=password]", settings["ADMIN_PASSWORD"])
    browser.click("form button")
    browser.wait_for_url("https://admin.localhost/")
    assert "READABLE" in browser.content()
    browser.screenshot(path=str(ARTIFACTS / "admin.png"))
    assert not wrong
    assert all(
        (ARTIFACTS / f"{name}.png").stat().st_size > 5000 for name in ("storefront", "admin")
    )


class Load:
    """Requests in a loop, each on a connection of its own, until told to stop."""

    def __init__(self, ask, threads=2):
        self.outcomes = []
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self._ask = ask
        for _ in range(threads):
            self._pool.submit(self._loop)

    def _loop(self):
        while not self._stop.is_set():
            start = time.monotonic()
            try:
                good = self._ask()
            except Exception as error:
                good = repr(error)
            self.outcomes.append((start, good))
            time.sleep(0.02)

    def end(self):
        self._stop.set()
        self._pool.shutdown()
        return self.outcomes


ASK_INSIDE = """
const headers = { 'content-type': 'application/json' };
const body = '{"query": "{ health }"}';
fetch('http://proxy:8000/graphql', { method: 'POST', headers, body })
  .then((answer) => answer.text()).then(console.log);
"""


def test_the_inner_door_is_not_reached_from_the_host(compose, client):
    (proxy,) = [one for one in containers(compose) if one["Service"] == "proxy"]
    networks = client.api.inspect_container(proxy["ID"])["NetworkSettings"]["Networks"]
    (address,) = [one["IPAddress"] for name, one in networks.items() if name.endswith("_web")]
    program = base64.b64encode(ASK_INSIDE.encode()).decode()
    inside = f"exec -T storefront node -e \"eval(Buffer.from('{program}', 'base64').toString())\""
    assert "is healthy" in compose(inside)
    # From here there is no way to it: whatever answers at that address, it is not the shop.
    connection = http.client.HTTPConnection(address, 8000, timeout=3)
    said = ""
    with contextlib.suppress(OSError):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/graphql", b'{"query": "{ health }"}', headers)
        said = connection.getresponse().read().decode()
    assert "is healthy" not in said


def test_a_roll_that_fails_leaves_the_old_replicas_alone(compose, api):
    before = {one["ID"] for one in containers(compose) if one["Service"] == "api"}
    ran = invoke("roll", "--prod", "api", SECRET_KEY="short")
    assert ran.code == 70
    assert "api keeps ending" in ran.error or "api ended with 78" in ran.error
    assert "SECRET_KEY: must have at least 32 characters" in ran.error
    assert {one["ID"] for one in containers(compose) if one["Service"] == "api"} == before
    assert api.query("{ health }")["data"]


def test_the_api_is_rolled_without_a_failed_request(compose, api):
    before = {one["ID"] for one in containers(compose) if one["Service"] == "api"}
    load = Load(lambda: "data" in api.query("{ products(first: 1) { slug } }"))
    ran = invoke("roll", "--prod", "api")
    outcomes = load.end()
    assert ran.code == 0, ran.err[-2000:]
    after = {one["ID"] for one in containers(compose) if one["Service"] == "api"}
    assert len(after) == 2
    assert not before & after
    bad = [good for _, good in outcomes if good is not True]
    assert len(outcomes) > 50
    assert not bad, bad[:3]


def test_the_shop_recovers_when_the_database_restarts_under_load(compose, api):
    def ask():
        answer = api.query("{ products(first: 1) { slug } health }")
        return bool(answer.get("data") and answer["data"].get("products"))

    load = Load(ask)
    time.sleep(1)
    compose("restart --timeout 10 postgres")
    back = time.monotonic()
    wait_until(ask, 30)
    time.sleep(3)
    outcomes = load.end()
    late = [good for start, good in outcomes if start > back + 10 and good is not True]
    assert not late
    # Errors are answers, not cut connections: the API says that its database is away.
    assert not [good for _, good in outcomes if isinstance(good, str)]
    assert sum(good is True for _, good in outcomes) > 20
    assert api.query("{ health }")["data"]


def test_the_tasks_see_the_stack(docker_services):
    ran = invoke("ps", "--prod")
    assert ran.code == 0
    assert {line.split()[0] for line in ran.out.splitlines()[1:]} == SERVICES
    ran = invoke("logs", "--prod", "--service", "migrate")
    assert "Running upgrade" in ran.out
    assert "api-1" not in ran.out
    assert invoke("migrate", "--prod").code == 0
    assert invoke("seed", "--prod").code == 0
    refused = invoke("up", "--prod", "--scale", "consumer=2")
    assert refused.code == 2
    assert "one instance" in refused.error


def test_missing_variables_are_all_named_before_anything_starts(release, settings):
    ran = invoke("up", "--prod", SECRET_KEY="", SHOP_ORIGIN="")
    assert ran.code == 2
    assert "SECRET_KEY: at least 32 characters" in ran.error
    assert "SHOP_ORIGIN" in ran.error
    assert invoke("up", "--prod", "--env-file", "/nowhere").code == 2


BROKEN = """
FROM {image}
COPY <<'PYTHON' /app/migrations/versions/0002_broken.py
'''Break everything'''
from alembic import op
revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None
def upgrade():
    op.execute("ALTER TABLE no_such_table ADD COLUMN x int")
PYTHON
"""


def test_a_migration_that_fails_keeps_the_api_from_starting_and_is_named(
    tags, buildx, tmp_path, parties, docker_services
):
    (tmp_path / "Dockerfile").write_text(BROKEN.format(image=tags["backend"]))
    buildx("build", "--load", "--tag=vectis/backend:broken", "--provenance=false", str(tmp_path))
    project = f"vectis-broken-{os.getpid()}"
    environment = {
        "COMPOSE_PROJECT_NAME": project, "WEB_SUBNET": "10.213.94.0/24",
        "BACKEND_IMAGE": "vectis/backend:broken", "COMPOSE_PROFILES": "postgres",
    }  # fmt: skip
    try:
        ran = invoke("up", "--prod", **environment)
        assert ran.code == 70, ran.err[-2000:]
        assert "migrate ended with 1; what waits for it was not started" in ran.error
        assert "0001 -> 0002, Break everything" in ran.error
        assert "no_such_table" in ran.error
        running = subprocess.run(
            [find_plugin("docker-compose"), "--project-name", project, "ps", "--format", "json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert '"Service":"api"' not in running.stdout
    finally:
        assert invoke("down", "--prod", "--volumes", **environment).code == 0
