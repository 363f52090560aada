"""What the stacks are started with, and what their files promise."""

import re
from pathlib import Path

import pytest
import yaml

from tests.unit.conftest import ROOT
from tests.unit.test_rest import RELEASE
from toolkit.errors import UsageError
from toolkit.stack.model import explain_log, find_missing, name_images, read_scale

PRODUCTION = (ROOT / "docker-compose.prod.yml").read_text()
CADDYFILE = (ROOT / "images" / "proxy" / "Caddyfile").read_text()
SERVICES = yaml.safe_load(PRODUCTION)["services"]


def test_replicas_are_read():
    assert read_scale(["api=3", "worker=2"]) == {"api": 3, "worker": 2}
    assert read_scale([]) == {}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("consumer=2", "a consumer group has one instance"),
        ("proxy=2", "published ports"),
        ("postgres=2", "keeps state"),
        ("migrate=2", "runs once"),
    ],
)
def test_what_must_not_be_scaled_is_refused_with_the_reason(word, why):
    with pytest.raises(UsageError) as raised:
        read_scale([word])
    assert why in raised.value.cause


@pytest.mark.parametrize("word", ["api", "api=", "api=0", "api=-1", "api=x", "api=1000"])
def test_replicas_that_are_no_number(word):
    with pytest.raises(UsageError, match="SERVICE=NUMBER"):
        read_scale([word])


def test_every_required_variable_that_is_not_set_is_named():
    missing = find_missing(PRODUCTION, {"SHOP_ORIGIN": "https://shop.example.com"})
    names = [line.partition(":")[0] for line in missing]
    assert names == [
        "BACKEND_IMAGE", "POSTGRES_PASSWORD", "SECRET_KEY", "SECRETS_MASTER_KEY", "API_ORIGIN",
        "ADMIN_ORIGIN", "STOREFRONT_IMAGE", "ADMIN_IMAGE",
    ]  # fmt: skip
    assert "SECRET_KEY: at least 32 characters" in missing


def test_a_managed_database_spares_the_password_of_our_own():
    managed = find_missing(PRODUCTION, {"DATABASE_URL": "postgresql+asyncpg://a:b@db.example/c"})
    assert not any(line.startswith("POSTGRES_PASSWORD") for line in managed)


def test_images_are_named_by_digest_or_id():
    digest = RELEASE.images[0].digest
    assert name_images(RELEASE, by_digest=True)["BACKEND_IMAGE"].endswith(f"backend@{digest}")
    assert name_images(RELEASE, by_digest=False) == {"BACKEND_IMAGE": digest}


def test_the_log_of_a_migration_says_which_one():
    log = "INFO Running upgrade  -> 0001\nINFO Running upgrade 0001 -> 0002, Break\n"
    log += "\n".join(f"  line {number}" for number in range(20)) + "\nProgrammingError: no\n"
    lines = explain_log(log)
    assert lines[0].endswith("0001 -> 0002, Break")
    assert lines[-1] == "ProgrammingError: no"
    assert len(lines) == 9


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_in_production_is_locked_down_limited_and_watched(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)
    assert service["read_only"] is True or name == "redpanda"
    assert bool(service.get("ports")) == (name == "proxy")
    ours = name in ("api", "worker", "consumer", "storefront", "admin")  # the image has a check
    once = name in ("migrate", "seed")
    assert ours or once or service["healthcheck"]["test"]
    assert service["restart"] == ("no" if once else "unless-stopped")
    third = not ours and not once and name != "proxy"
    assert bool(service.get("profiles")) == third
    if third:
        assert service["profiles"] == ["services", name]
        assert service["networks"] == ["data"]
        assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[\w./-]+:[\w.-]+\}", service["image"])


def test_networks_behind_the_proxy_are_internal():
    networks = yaml.safe_load(PRODUCTION)["networks"]
    assert networks["web"]["internal"]
    assert networks["data"]["internal"]
    members = {name for name, one in SERVICES.items() if "web" in one["networks"]}
    assert members == {"proxy", "storefront", "admin", "api"}


def test_the_api_waits_for_migration_and_seed():
    wait = {"condition": "service_completed_successfully"}
    assert SERVICES["api"]["depends_on"]["migrate"] == wait
    assert SERVICES["api"]["depends_on"]["seed"] == wait
    assert SERVICES["seed"]["depends_on"]["migrate"] == wait


def test_only_the_proxys_network_may_name_visitors():
    subnet = "${WEB_SUBNET:-10.213.91.0/24}"
    assert SERVICES["api"]["environment"]["FORWARDED_ALLOW_IPS"] == subnet
    assert yaml.safe_load(PRODUCTION)["networks"]["web"]["ipam"]["config"] == [{"subnet": subnet}]
    for name in ("storefront", "admin"):
        assert SERVICES[name]["environment"]["ADDRESS_HEADER"] == "x-forwarded-for"
        assert SERVICES[name]["environment"]["XFF_DEPTH"] == "1"
        assert "HOST_HEADER" not in SERVICES[name]["environment"]  # ORIGIN says it
    (trusting,) = re.findall(r"servers (\S*) ?\{[^}]*trusted_proxies static", CADDYFILE)
    assert trusting == ":8000"


def test_the_upload_limits_agree():
    def default(text, name):
        (value,) = set(re.findall(rf"\{{\$?{name}:-?(\d+)\}}", text))
        return int(value)

    body = default(PRODUCTION, "MAX_BODY_BYTES")
    assert default(CADDYFILE, "MAX_BODY_BYTES") == body
    # What a form adds to the file: boundaries, names.
    assert body == default(PRODUCTION, "MAX_UPLOAD_BYTES") + 1024 * 1024
    for name in ("storefront", "admin"):
        assert "MAX_BODY_BYTES" in SERVICES[name]["environment"]["BODY_SIZE_LIMIT"]


def test_development_publishes_on_this_machine_only():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert set(services) == set(SERVICES) - {"proxy"}


def test_both_files_know_the_same_variables():
    page = (ROOT / "docs" / "running.md").read_text()
    used = set(re.findall(r"\$\{(\w+)[:}]", PRODUCTION))
    unknown = {name for name in used if f"`{name}`" not in page}
    assert not unknown, "docs/running.md does not have them"


def test_the_compose_files_have_what_the_tests_of_the_stack_need():
    text = Path(ROOT / "tests/integration/stack/services.Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", text, flags=re.M))
    third = {name for name, service in SERVICES.items() if service.get("profiles")}
    assert third | {"proxy", "browser"} <= stages
