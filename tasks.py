"""The command line of Vectis Images: it parses and calls, the work is in toolkit/.

Nothing but Invoke is imported before a task needs it: `./invoke --list` must answer at once.
"""

import functools
import os
import signal
import sys
from pathlib import Path

from invoke import Collection, Exit, task

sys.path.insert(0, str(Path(__file__).parent))


def command(*args, **kwargs):
    """An Invoke task whose errors become one message and an exit code."""

    def decorate(function):
        @functools.wraps(function)
        def guarded(context, *positional, **named):
            from toolkit.console import show_error
            from toolkit.errors import Interrupted, ToolkitError

            # A CI job that is cancelled gets SIGTERM: clean up as on Ctrl-C.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                return function(context, *positional, **named)
            except Exit:
                raise
            except ToolkitError as error:
                show_error(error)
                raise Exit(code=error.code) from None
            except Exception as error:
                if os.environ.get("VECTIS_DEBUG"):
                    raise
                show_error(
                    ToolkitError(
                        f"{type(error).__name__}: {error}",
                        cause="the system refused it, or this is a fault of the toolkit",
                        hint="VECTIS_DEBUG=1 and the same command show where",
                    )
                )
                raise Exit(code=ToolkitError.code) from None
            except KeyboardInterrupt:
                show_error(Interrupted("interrupted"))
                raise Exit(code=Interrupted.code) from None

        return task(*args, **kwargs)(guarded)

    return decorate


@command(
    iterable=["image"],
    help={
        "prod": "production images (without it: development images)",
        "app": "the application's checkout (default: $VECTIS_APP, else examples/vectis)",
        "image": "build only this image; give it again for more",
        "tag": "tag the images with this instead of the version from git",
        "platform": "platforms, separated by commas: linux/amd64,linux/arm64",
        "builder": "a builder of docker buildx instead of the engine's own",
        "no-cache": "build every step anew",
        "push": "push to the registry that $VECTIS_REGISTRY names, such as ghcr.io/acme",
        "load": "load into the engine (the default)",
        "output": "load, push, or oci: archives in dist/oci/",
        "bases": "where bases come from: auto, registry, mirror, stand-in",
        "ca-bundle": "PEM file of authorities for build steps (default: this host's own)",
        "geolite": "auto, required, none, or a .mmdb file or a directory of them (docs/geolite.md)",
        "geolite-max-age": "bake in a database up to this many days old",
        "geolite-redistribute": "push a baked database: whoever pulls it is bound by its licence",
        "print": "print the bake definition and build nothing",
        "json": "print the release manifest instead of the table",
    },
)
def build_images(
    context,
    prod=False,
    app=None,
    image=None,
    tag=None,
    platform="",
    builder="",
    no_cache=False,
    push=False,
    load=False,
    output="",
    bases="auto",
    ca_bundle="",
    geolite="auto",
    geolite_max_age=None,
    geolite_redistribute=False,
    print_=False,
    json=False,
):
    """Build an application's images, write dist/release.json.

    ./invoke build --prod                     all images of examples/vectis
    ./invoke build --prod --app ../shop       all images of your application
    ./invoke build --prod --image backend     one image
    ./invoke build --prod --print | docker buildx bake -f - --print
    """
    from toolkit.build import Request, build, print_definition
    from toolkit.paths import find_app, given
    from toolkit.plan import Options, choose_output
    from toolkit.summary import show_release

    request = Request(
        app=find_app(app),
        images=image,
        options=Options(
            production=prod,
            tag=given("--tag", tag),
            registry=os.environ.get("VECTIS_REGISTRY", ""),
            platforms=tuple(filter(None, platform.split(","))),
            builder=builder,
            no_cache=no_cache,
            output=choose_output(output, push=push, load=load),
            redistribute=geolite_redistribute,
        ),
        bases=bases,
        ca_bundle=ca_bundle,
        geolite=given("--geolite", geolite),
        geolite_max_age=given("--geolite-max-age", geolite_max_age),
    )
    if print_:
        print(print_definition(request), end="")
    else:
        show_release(build(request), as_json=json)


@command(
    iterable=["image"],
    help={
        "image": "verify only this image; give it again for more",
        "manifest": "the manifest of the images (default: dist/release.json)",
        "against": "the manifest of the last release, to compare sizes with",
        "reproducible": "also build the images again from nothing, and compare",
        "app": "the checkout that --reproducible builds (default: as for build)",
        "json": "print every verdict as JSON",
    },
)
def verify(
    context, image=None, manifest=None, against=None, reproducible=False, app=None, json=False
):
    """Check the built images against the image contract.

    Reads their layers and runs them: docs/images.md lists the rules. The evidence goes into
    the manifest.
    """
    from toolkit.paths import DIST, find_app, given
    from toolkit.verify.commands import verify

    verify(
        Path(given("--manifest", manifest) or DIST / "release.json"),
        images=image,
        against=Path(against) if given("--against", against) else None,
        reproducible=find_app(app) if reproducible else None,
        as_json=json,
    )


_STACK = {
    "prod": "the production stack, docker-compose.prod.yml (without it: development)",
    "env-file": "file with the variables of docs/running.md",
    "profile": "third-party services to run: services (all), or one's name; give it again for more",
    "app": "the application's checkout (default: $VECTIS_APP, else examples/vectis)",
}


def open_stack(prod, env_file, profile, app, *, starting=False):
    """Both stacks take the same options."""
    from toolkit.paths import find_app, given
    from toolkit.stack.compose import open_stack

    return open_stack(
        production=prod, env_file=given("--env-file", env_file), profiles=profile,
        app=find_app(app), starting=starting,
    )  # fmt: skip


@command(iterable=["profile", "scale"], help={**_STACK, "scale": "SERVICE=NUMBER, such as api=3"})
def up(context, prod=False, env_file=None, profile=None, app=None, scale=None):
    """Start the whole product and wait until it is healthy.

    ./invoke up                                       development: reload on change
    ./invoke up --prod --env-file shop.env --scale api=3
    """
    from toolkit.stack.commands import up
    from toolkit.stack.model import read_scale

    read_scale(scale)
    up(open_stack(prod, env_file, profile, app, starting=True), scale)


@command(iterable=["profile"], help={**_STACK, "volumes": "delete the data, too"})
def down(context, prod=False, env_file=None, profile=None, app=None, volumes=False):
    """Stop the product; its data stays."""
    from toolkit.stack.commands import down

    down(open_stack(prod, env_file, profile, app), volumes=volumes)


@command(
    iterable=["profile", "service"],
    help={**_STACK, "service": "only this one; give it again for more", "follow": "go on printing"},
)
def logs(context, service=None, prod=False, env_file=None, profile=None, app=None, follow=False):
    """Print what the services have logged."""
    from toolkit.stack.commands import logs

    logs(open_stack(prod, env_file, profile, app), service, follow=follow)


@command(iterable=["profile"], help=_STACK)
def ps(context, prod=False, env_file=None, profile=None, app=None):
    """Show what runs and where it is reached."""
    from toolkit.stack.commands import ps

    ps(open_stack(prod, env_file, profile, app))


@command(iterable=["profile"], help=_STACK)
def migrate(context, prod=False, env_file=None, profile=None, app=None):
    """Bring the database's schema up to date."""
    from toolkit.stack.commands import run_once

    run_once(open_stack(prod, env_file, profile, app, starting=True), "migrate")


@command(iterable=["profile"], help=_STACK)
def seed(context, prod=False, env_file=None, profile=None, app=None):
    """Add first products, settings and the administrator."""
    from toolkit.stack.commands import run_once

    run_once(open_stack(prod, env_file, profile, app, starting=True), "seed")


@command(
    positional=["service"], iterable=["profile"],
    help={**_STACK, "service": "api, worker, storefront or admin"},
)  # fmt: skip
def roll(context, service, prod=False, env_file=None, profile=None, app=None):
    """Replace a service's replicas without a failed request."""
    from toolkit.stack.commands import roll

    roll(open_stack(prod, env_file, profile, app, starting=True), service)


@command(help={"app": "the application's checkout", "json": "print the findings as JSON"})
def doctor(context, app=None, json=False):
    """Show what is good here and what is missing."""
    from toolkit.doctor import examine, show
    from toolkit.paths import find_app

    findings = examine(find_app(app))
    show(findings, as_json=json)
    if any(finding.state == "missing" for finding in findings):
        raise Exit(code=1)


@command(help={"unit": "only the unit tests", "k": "only tests that match, as pytest's -k"})
def test(context, unit=False, k=""):
    """Run the tests: units, then all for real on an engine."""
    from toolkit.checks import run_tests

    run_tests(unit_only=unit, matching=k)


@command(help={"fix": "mend what can be mended"})
def lint(context, fix=False):
    """Check the toolkit itself with every linter."""
    from toolkit.checks import run_lint

    run_lint(fix=fix)


@command(
    help={
        "rounds": "how often each is timed (the median counts)",
        "dev": "the development loop instead of builds",
    }
)
def bench(context, rounds="3", dev=False):
    """Time builds beside peers, write docs/performance.md."""
    from toolkit.checks import run_benchmark

    run_benchmark(rounds, dev=dev)


@command(help={"upgrade": "take the newest versions that pyproject.toml allows"})
def lock(context, upgrade=False):
    """Make the hash-pinned locks from pyproject.toml."""
    from toolkit.checks import write_locks

    write_locks(upgrade=upgrade)


@command()
def start(context):
    """Find an engine, or start the embedded one."""
    from toolkit.engine.commands import start

    start()


@command()
def stop(context):
    """Stop the embedded engine; its images stay."""
    from toolkit.engine.commands import stop

    stop()


@command(help={"json": "print it as JSON"})
def status(context, json=False):
    """Show which engine is used and what it can do."""
    from toolkit.engine.commands import status

    status(as_json=json)


@command()
def remove(context):
    """Delete the embedded engine, images included."""
    from toolkit.engine.commands import remove

    remove()


@command(
    help={
        "edition": "city, country, asn; several separated by commas (default: city)",
        "env-file": "file with MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY",
        "ca-bundle": "PEM file of authorities (default: this host's own)",
    }
)
def fetch(context, edition=None, env_file=None, ca_bundle=None):
    """Bring the cached GeoLite2 databases up to date.

    MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY (or *_FILE) hold the credentials.
    """
    from toolkit.geolite.commands import fetch
    from toolkit.paths import given

    named = given("--env-file", env_file)
    bundle = given("--ca-bundle", ca_bundle)
    fetch(given("--edition", edition), Path(named) if named else None, bundle)


@command(name="status", help={"json": "print it as JSON"})
def geolite_status(context, json=False):
    """Show the cached databases, their ages and MaxMind's limit."""
    from toolkit.geolite.commands import status

    status(as_json=json)


namespace = Collection(
    verify,
    up,
    down,
    logs,
    ps,
    migrate,
    seed,
    roll,
    doctor,
    test,
    lint,
    bench,
    lock,
    build=build_images,
)
namespace.add_collection(Collection("engine", start, stop, status, remove))
namespace.add_collection(Collection("geolite", fetch, geolite_status))
