"""The image contract: the built images keep it, and images that do not are told why.

Starts containers of the built images and of two that break the rules on purpose.
"""

import json
import signal
import subprocess
import time

import pytest

from tests.integration.conftest import ROOT, build, invoke

LAID_OUT_BADLY = """
FROM {image}
USER 0
ENV PAYMENT_API_KEY=sk-live-1234567890
LABEL org.opencontainers.image.version=""
HEALTHCHECK NONE
RUN cp /usr/bin/env /usr/bin/env2 && chmod u+s /usr/bin/env2 \\
    && mkdir -p /app/tests /var/lib/apt/lists /app/.git /usr/local/bin \\
    && touch /app/tests/test_x.py /var/lib/apt/lists/x /app/.git/HEAD /app/.env \\
    && touch /usr/local/bin/pip \\
    && head -c 30000000 /dev/urandom > /app/large
COPY <<'KEY' /app/deploy.txt
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49
AwEHoUQDQgAEPR3tU2Fta9ktY+6P9G0cWO+0kETA6SFs38GecTyudlHz6xvCdz8q
-----END EC PRIVATE KEY-----
KEY
"""

RUNS_BADLY = """
FROM {image}
COPY <<'PROGRAM' /app/serve.py
import http.server, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(500)
        self.end_headers()
http.server.HTTPServer(("", 8000), Handler).serve_forever()
PROGRAM
HEALTHCHECK --interval=1s CMD ["true"]
ENTRYPOINT ["python", "/app/serve.py"]
"""

HAS_BAD_ROLES = """
FROM {image}
RUN echo 'print("bye")' > /app/app/worker.py \\
    && echo 'raise KeyError("a broken seed")' > /app/app/seed.py \\
    && echo 'import no_such_module' > /app/app/consumer.py \\
    && rm -rf /app/app/__pycache__
"""

NEVER_STARTS = """
FROM {image}
ENTRYPOINT ["sh", "-c", "echo data > /app/state"]
"""


@pytest.fixture(scope="module", autouse=True)
def manifest(release):
    """dist/release.json of all images again, whatever was built last."""
    build()


@pytest.fixture
def planted(release, tags, client, buildx, engine, tmp_path):
    """A manifest whose backend is another image, made from the good one."""

    def plant(dockerfile, **changed):
        (tmp_path / "Dockerfile").write_text(dockerfile.format(image=tags["backend"]))
        tag = f"vectis/backend:planted-{time.time_ns()}"
        buildx("build", "--load", f"--tag={tag}", "--provenance=false", str(tmp_path))
        record = next(image for image in release["images"] if image["name"] == "backend")
        image = client.images.get(tag)
        bad = {**record, "tags": [tag], "digest": image.id, **changed}
        manifest = tmp_path / "release.json"
        manifest.write_text(json.dumps({**release, "images": [bad]}))
        return manifest

    return plant


def rules(ran):
    """Which rules were kept and which broken, as the command says."""
    verdicts = json.loads(ran.out)
    (name,) = verdicts
    kept = {one["rule"] for one in verdicts[name] if not one["fix"]}
    return kept, {one["rule"]: one["seen"] for one in verdicts[name] if one["fix"]}


def test_the_built_images_keep_every_rule_and_the_manifest_says_so(release):
    ran = invoke("verify")
    assert ran.code == 0, ran.out + ran.err
    assert "✗" not in ran.out
    manifest = json.loads((ROOT / "dist" / "release.json").read_text())
    for image in manifest["images"]:
        assert image["gates"]["verify"] == "passed"
        evidence = image["evidence"]["verify"]
        assert evidence["digest"] == image["digest"]
        assert not evidence["broken"]
        assert len(evidence["passed"]) >= 13
    backend = manifest["images"][0]["evidence"]["verify"]["passed"]
    assert {"role-worker", "role-consumer", "role-migrate", "role-seed", "workers"} <= set(backend)


def test_what_should_not_be_in_an_image_is_found_all_at_once(planted):
    manifest = planted(LAID_OUT_BADLY, size_over_base=120_000_000)
    ran = invoke("verify", "--manifest", str(manifest), "--image", "backend", "--json")
    assert ran.code == 31
    kept, broken = rules(ran)
    assert {
        "user", "labels", "healthcheck", "history", "budget", "set-uid", "left-behind",
        "private-keys",
    } <= set(broken)  # fmt: skip
    assert "env2" in broken["set-uid"]
    assert "deploy.txt" in broken["private-keys"]
    for path in ("/app/tests/test_x.py", "/var/lib/apt/lists/x", "/app/.git/HEAD", "/app/.env",
                 "/usr/local/bin/pip"):  # fmt: skip
        assert path in broken["left-behind"]
    assert "sk-live" not in ran.out + ran.err
    assert "settings" in kept
    saved = json.loads(manifest.read_text())["images"][0]
    assert saved["gates"]["verify"] == "failed"
    assert set(saved["evidence"]["verify"]["broken"]) == set(broken)


def test_what_runs_badly_is_found(planted):
    ran = invoke("verify", "--manifest", str(planted(RUNS_BADLY)), "--json", "--image", "backend")
    assert ran.code == 31
    _, broken = rules(ran)
    assert {"stop", "hang", "workers", "settings", "reaping"} <= set(broken)
    assert "exit None" in broken["stop"]
    assert "user" not in broken


def test_a_role_that_does_nothing_or_breaks_is_found(planted):
    manifest = planted(HAS_BAD_ROLES.replace("RUN", "USER 0\nRUN", 1) + "USER 10001:10001\n")
    ran = invoke("verify", "--manifest", str(manifest), "--json", "--image", "backend")
    kept, broken = rules(ran)
    assert broken.keys() == {"role-worker", "role-seed", "role-consumer"}
    assert "by itself" in broken["role-worker"]
    assert broken["role-seed"] == "ends with 1"
    assert (
        "No module named" in broken["role-consumer"] or "ModuleNotFound" in broken["role-consumer"]
    )
    assert {"stop", "hang", "workers", "role-migrate"} <= kept


def test_what_needs_to_write_does_not_start(planted):
    ran = invoke("verify", "--manifest", str(planted(NEVER_STARTS)), "--json", "--image", "backend")
    assert ran.code == 31
    _, broken = rules(ran)
    assert "Read-only file system" in broken["start"]
    assert "verify is closed" in ran.error


def test_an_image_that_grew_since_the_last_release_is_found(release, tmp_path):
    last = json.loads(json.dumps(release))
    for image in last["images"]:
        image["size"] = int(image["size"] / 1.2)
    path = tmp_path / "last.json"
    path.write_text(json.dumps(last))
    ran = invoke("verify", "--against", str(path), "--image", "admin", "--json")
    assert rules(ran)[1].keys() == {"growth"}
    assert "+20.0%" in rules(ran)[1]["growth"]


def test_an_image_is_rebuilt_bit_for_bit(release):
    ran = invoke("verify", "--image", "admin", "--reproducible")
    assert ran.code == 0, ran.out + ran.err
    assert "reproducible" in ran.out


def test_an_image_that_is_not_there_and_a_manifest_that_is_none(release, tmp_path):
    gone = json.loads(json.dumps(release))
    gone["images"][0]["digest"] = "sha256:" + "0" * 64
    path = tmp_path / "gone.json"
    path.write_text(json.dumps(gone))
    ran = invoke("verify", "--manifest", str(path))
    assert ran.code == 2
    assert "does not have backend" in ran.error
    path.write_text("{}")
    assert invoke("verify", "--manifest", str(path)).code == 11
    assert invoke("verify", "--manifest", str(tmp_path / "none")).code == 11
    assert invoke("verify", "--image", "shop").code == 12


def test_an_interrupt_leaves_no_container(release, client):
    running = subprocess.Popen([ROOT / "invoke", "verify"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not client.containers.list(filters={"label": "com.vectis.verify"}):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130, running.stderr.read()
    assert not client.containers.list(all=True, filters={"label": "com.vectis.verify"})
