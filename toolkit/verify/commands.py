"""`./invoke verify`: every rule on every image of the manifest, all findings, then a verdict."""

from __future__ import annotations

import concurrent.futures
import datetime
import functools
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from toolkit.build import Request, build
from toolkit.catalog import Catalog, read_catalog
from toolkit.console import paint, phase, say
from toolkit.engine.find import Engine, find_engine
from toolkit.errors import GateError, UsageError
from toolkit.manifest import ImageRecord, Release, read_release, write_release
from toolkit.paths import CATALOG
from toolkit.plan import Options
from toolkit.verify.behaviour import RULES, check_role
from toolkit.verify.configuration import check_configuration, check_size
from toolkit.verify.container import Runner, remove_all
from toolkit.verify.contents import check_contents, read_archive
from toolkit.verify.model import Subject, Verdict

_PORTS = {"python": 8000, "sveltekit": 3000}
_AT_ONCE = 6

Verdicts = dict[str, list[Verdict]]


def verify(
    manifest: Path,
    *,
    images: list[str],
    against: Path | None,
    reproducible: Path | None,
    as_json: bool,
) -> None:
    """Check the images of a manifest, write the evidence into it, fail when a rule was broken.

    `against`: the manifest of the last release. `reproducible`: the application's checkout, from
    which the images are built once more without any cache, to compare. Raises `GateError`.
    """
    release = read_release(manifest)
    catalog = read_catalog(CATALOG)
    chosen = catalog.choose(images)
    records = [record for record in release.images if record.name in chosen]
    if not records:
        raise UsageError(f"{manifest} has none of these images: {', '.join(chosen)}")
    if not release.production:
        raise UsageError(
            f"{manifest} is of development images", hint="./invoke build --prod, then verify"
        )
    last = read_release(against) if against else None
    engine = find_engine()
    with phase(f"verify {', '.join(record.name for record in records)}"):
        verdicts = _examine(records, catalog, engine, last)
        if reproducible:
            for name, verdict in _compare(records, _rebuild(records, reproducible)):
                verdicts[name].append(verdict)
    _write_evidence(release, verdicts, manifest)
    _show(verdicts, as_json=as_json)
    broken = [
        f"{name}: {one.rule}" for name, all_of in verdicts.items() for one in all_of if one.fix
    ]
    if broken:
        raise GateError(
            f"verify is closed, by {len(broken)} of the rules",
            cause="\n         ".join(broken),
            hint="each line above says what was seen and what to do; docs/images.md has the rules",
        )


def _examine(
    records: list[ImageRecord], catalog: Catalog, engine: Engine, last: Release | None
) -> Verdicts:
    """All verdicts, by image. Rules that run containers run side by side."""
    from toolkit.engine.client import connect

    client = connect(engine.host, timeout=120)
    verdicts: Verdicts = {}
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: list[tuple[str, concurrent.futures.Future[list[Verdict]]]] = []
        for record in records:
            subject = _inspect(record, catalog, client, engine)
            entry = subject.entry
            runner = Runner(
                client, engine.host, subject.reference, _PORTS[entry.kind],
                subject.limits.memory_mb, entry.environment,
            )  # fmt: skip
            before = (last.image(record.name) or False) if last else None
            verdicts[record.name] = [*check_configuration(subject), *check_size(subject, before)]
            waiting.append((record.name, pool.submit(_read_contents, subject, client)))
            roles = [role for role in entry.roles if role != "api"]
            for rule in (*RULES, *(functools.partial(check_role, role) for role in roles)):
                waiting.append((record.name, pool.submit(_run, rule, subject, runner)))
        try:
            for name, future in waiting:
                verdicts[name] += future.result()
        except BaseException:
            # Ctrl-C: the rules end at once when their containers are gone.
            pool.shutdown(wait=False, cancel_futures=True)
            remove_all(client)
            raise
    return verdicts


def _run(rule: Any, subject: Subject, runner: Runner) -> list[Verdict]:
    return list(rule(subject, runner))


def _inspect(record: ImageRecord, catalog: Catalog, client: Any, engine: Engine) -> Subject:
    from docker.errors import ImageNotFound  # type: ignore[import-untyped]

    name = record.tags[0].rpartition(":")[0]
    reference = f"{name}@{record.digest}" if engine.containerd else record.digest
    try:
        image = client.images.get(reference)
    except ImageNotFound:
        raise UsageError(
            f"this engine does not have {record.name} as the manifest has it",
            cause=f"it was built elsewhere or not loaded, or removed since ({record.digest})",
            hint="./invoke build --prod, then verify",
        ) from None
    base = record.bases[0]
    try:
        found = client.images.get(base.digest)
    except ImageNotFound:
        found = client.images.pull(f"{base.reference}@{base.digest}")
    return Subject(
        record=record,
        entry=catalog.image[record.name],
        limits=catalog.verify,
        reference=reference,
        details=image.attrs,
        steps=_own_steps(image.history(), found.history()),
        base=found.attrs,
    )


def _own_steps(history: list[dict[str, Any]], base: list[dict[str, Any]]) -> list[str]:
    """The commands of the steps after the base's, which come last: the newest is first."""
    own = history[: max(0, len(history) - len(base))]
    return [str(step.get("CreatedBy") or "") for step in own]


def _read_contents(subject: Subject, client: Any) -> list[Verdict]:
    with tempfile.NamedTemporaryFile(prefix="vectis-verify.") as file:
        for chunk in client.images.get(subject.reference).save(chunk_size=1 << 20):
            file.write(chunk)
        file.flush()
        return list(check_contents(subject, read_archive(Path(file.name), subject.base_layers)))


def _rebuild(records: list[ImageRecord], app: Path) -> Release:
    """The same images once more, every step run again."""
    with tempfile.TemporaryDirectory(prefix="vectis-verify.") as directory:
        options = Options(tag="rebuilt", no_cache=True)
        names = [record.name for record in records]
        return build(Request(app=app, images=names, options=options, dist=Path(directory)))


def _compare(records: list[ImageRecord], again: Release) -> Iterator[tuple[str, Verdict]]:
    for record in records:
        other = again.image(record.name)
        same = other is not None and other.digest == record.digest
        seen = f"rebuilt from nothing: {other.digest if other else 'not built'}"
        fix = "find what differs: something dated, random, or not locked gets into a layer"
        yield record.name, Verdict("reproducible", seen, "" if same else fix)


def _write_evidence(release: Release, verdicts: Verdicts, manifest: Path) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    changed = []
    for record in release.images:
        seen = verdicts.get(record.name)
        if seen is None:
            changed.append(record)
        else:
            passed = all(verdict.passed for verdict in seen)
            saw = {
                "digest": record.digest,
                "at": now,
                "passed": {verdict.rule: verdict.seen for verdict in seen if verdict.passed},
                "broken": {verdict.rule: verdict.seen for verdict in seen if not verdict.passed},
            }
            gates = {**record.gates, "verify": "passed" if passed else "failed"}
            evidence = {**record.evidence, "verify": saw}
            changed.append(msgspec.structs.replace(record, gates=gates, evidence=evidence))
    write_release(msgspec.structs.replace(release, images=changed), manifest)


def _show(verdicts: Verdicts, *, as_json: bool) -> None:
    if as_json:
        data = {name: [asdict(one) for one in all_of] for name, all_of in verdicts.items()}
        print(json.dumps(data, indent=2))
        return
    for name, all_of in verdicts.items():
        for one in all_of:
            mark = paint("✓", "green", sys.stdout) if one.passed else paint("✗", "red", sys.stdout)
            print(f"{mark} {name:<11} {one.rule:<13} {one.seen}")
            if one.fix:
                print(f"{'':<27} {one.fix}")
    say("the evidence is in the manifest")
