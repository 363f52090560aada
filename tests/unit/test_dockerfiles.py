"""Rules of the Dockerfiles that no linter knows; docs/decisions/ says why."""

import re

import pytest

from tests.unit.conftest import ROOT

PROD = ["images/backend/Dockerfile.prod", "images/sveltekit/Dockerfile"]
ALL = [*PROD, "images/backend/Dockerfile", "images/bases/Dockerfile"]


def stage(path, name):
    """The instructions of a stage, heredocs and comments taken out."""
    text = (ROOT / path).read_text()
    text = re.sub(r"<<'?(\w+)'?(.*?)\n.*?^\1$", r"\2", text, flags=re.M | re.S)
    stages = re.split(r"^(?=FROM )", text, flags=re.M)
    (found,) = [part for part in stages if part.split("\n")[0].endswith(f" AS {name}")]
    return re.findall(r"^([A-Z]+) ", found, flags=re.M)


@pytest.mark.parametrize("path", ALL)
def test_nothing_is_pulled_to_read_a_dockerfile(path):
    assert "syntax=" not in (ROOT / path).read_text()


@pytest.mark.parametrize("path", PROD)
def test_a_production_stage_only_copies(path):
    """COPY keeps the dates of what a stage has laid out; RUN would leave those of today."""
    instructions = stage(path, "prod")
    assert "RUN" not in instructions
    assert "ADD" not in instructions
    assert {"USER", "HEALTHCHECK", "COPY"} <= set(instructions)


def test_the_front_end_cannot_be_had_without_its_gate():
    text = (ROOT / "images/sveltekit/Dockerfile").read_text()
    prod = text[text.index("AS prod") :]
    assert "COPY --link --from=check /out /" in prod


@pytest.mark.parametrize("path", ALL)
def test_a_network_step_can_have_the_ca_and_the_others_have_no_network(path):
    text = re.sub(r"\\\n", " ", (ROOT / path).read_text())
    for step in re.findall(r"^RUN (.*)$", text, flags=re.M):
        if re.search(r"apt-get|pip install|npm ci|uv |/build/install", step):
            assert "id=ca" in step or path == "images/bases/Dockerfile"


@pytest.mark.parametrize("path", ALL)
def test_every_dockerfile_has_its_own_ignore_file_that_keeps_secrets_out(path):
    ignored = (ROOT / f"{path}.dockerignore").read_text().split()
    assert "*" in ignored or {"**/.git", "**/.env*", "**/*.pem"} <= set(ignored)
