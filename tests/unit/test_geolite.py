"""GeoLite2: every fault of MaxMind's service, told apart; the cache; what a build takes.

Starts a double of the service, with TLS, in this process.
"""

import datetime
import gzip
import os
import subprocess
import sys
import threading
import time

import pytest

from tests.maxmind import CITY, KEY, MaxMind, make_database, pack, pack_database
from tests.unit.conftest import ROOT
from tests.unit.test_entrypoint import program
from toolkit.ca import Ca
from toolkit.errors import (
    DiskError,
    GeoliteCredentialsError,
    GeoliteFetchError,
    GeoliteMissingError,
    GeoliteQuotaError,
    UsageError,
)
from toolkit.geolite import choose, commands
from toolkit.geolite.archive import extract_database
from toolkit.geolite.cache import Cache, describe_copy
from toolkit.geolite.credentials import Credentials, find_credentials
from toolkit.geolite.database import check_database
from toolkit.geolite.download import Service
from toolkit.geolite.model import choose_editions
from toolkit.redaction import redact


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    double = MaxMind(tmp_path_factory.mktemp("maxmind"))
    yield double
    double.close()


@pytest.fixture
def maxmind(running):
    running.archives = {CITY: pack_database()}
    running.modified = time.time() - 3600
    running.faults = {"sha256": [], "archive": []}
    running.asked.clear()
    return running


@pytest.fixture
def service(maxmind):
    def make(account="123456", key=KEY):
        return Service(
            Credentials(account, key), maxmind.url, maxmind.ca, read_timeout=0.3, backoff=0.01
        )

    return make


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "home")


def newer(maxmind, **options):
    """Have MaxMind publish another database."""
    maxmind.archives[CITY] = pack_database(**{"days_old": 0.5, **options})
    maxmind.modified += 60


def test_a_database_is_fetched_checked_and_cached(maxmind, service, cache):
    found = cache.refresh(CITY, service())
    assert found.database.edition == CITY
    assert found.path.read_bytes()
    assert cache.find(CITY) == found
    assert maxmind.asked == ["sha256", "archive"]
    assert [path.name for path in cache.home.glob("*.part")] == []


def test_what_has_not_changed_is_not_downloaded_again(maxmind, service, cache):
    first = cache.refresh(CITY, service())
    assert cache.refresh(CITY, service()) == first
    assert maxmind.asked == ["sha256", "archive", "sha256"]
    cache.refresh(CITY, service(), unless_checked_within=60)
    assert maxmind.asked == ["sha256", "archive", "sha256"]


def test_the_hash_decides_when_the_date_does_not(maxmind, service, cache):
    cache.refresh(CITY, service())
    maxmind.modified = time.time()
    cache.refresh(CITY, service())
    assert maxmind.count("archive") == 1


def test_a_newer_database_replaces_the_old(maxmind, service, cache):
    newer(maxmind, days_old=9)
    old = cache.refresh(CITY, service())
    newer(maxmind, days_old=1)
    new = cache.refresh(CITY, service())
    assert new.database.built > old.database.built
    assert [path.suffix for path in cache.home.iterdir()].count(".mmdb") == 1


def test_a_file_that_was_changed_is_fetched_again(maxmind, service, cache):
    found = cache.refresh(CITY, service())
    found.path.write_bytes(b"not what it was")
    assert cache.find(CITY) is None
    assert cache.refresh(CITY, service()).database == found.database


@pytest.mark.parametrize(
    ("account", "key", "named"),
    [("999999", KEY, "look at MAXMIND_ACCOUNT_ID"), ("123456", "wrong", "MAXMIND_LICENSE_KEY")],
)
def test_401_says_which_variable_to_look_at(service, cache, account, key, named):
    with pytest.raises(GeoliteCredentialsError, match=named) as raised:
        cache.refresh(CITY, service(account, key))
    assert raised.value.code == 60
    assert not cache.find(CITY)


def test_403_is_about_the_account(maxmind, service, cache):
    maxmind.faults["sha256"] = [403]
    with pytest.raises(GeoliteCredentialsError, match="403") as raised:
        cache.refresh(CITY, service())
    assert "MAXMIND_ACCOUNT_ID" in raised.value.hint


@pytest.mark.parametrize("kind", ["sha256", "archive"])
def test_429_is_never_retried_and_says_when(maxmind, service, cache, kind):
    maxmind.faults[kind] = [429]
    with pytest.raises(GeoliteQuotaError) as raised:
        cache.refresh(CITY, service())
    assert maxmind.count(kind) == 1
    again = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=7200)
    assert again.strftime("after %Y-%m-%d %H:") in raised.value.hint


@pytest.mark.parametrize("fault", [500, 503, "slow", "cut", "stall", "other"])
def test_what_may_pass_is_tried_again(maxmind, service, cache, fault):
    maxmind.faults["archive"] = [fault, fault]
    assert cache.refresh(CITY, service()).database.edition == CITY
    assert maxmind.count("archive") == 3


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (500, "HTTP 500"),
        ("slow", "no answer within 0.3 s"),
        ("stall", "no answer within 0.3 s"),
        ("cut", "cut off"),
        ("other", "SHA-256"),
    ],
)
def test_what_does_not_pass_ends_after_four_attempts_and_keeps_the_copy(
    maxmind, service, cache, fault, cause
):
    kept = cache.refresh(CITY, service())
    newer(maxmind)
    maxmind.asked.clear()
    maxmind.faults["archive"] = [fault] * 9
    with pytest.raises(GeoliteFetchError) as raised:
        cache.refresh(CITY, service())
    assert cause in raised.value.cause
    assert maxmind.count("archive") == 4
    assert cache.find(CITY) == kept
    assert [path.name for path in cache.home.glob("*.part")] == []


def test_a_hash_that_is_none_and_a_redirect_out_of_tls(maxmind, service, cache):
    maxmind.faults["sha256"] = ["html"] * 9
    with pytest.raises(GeoliteFetchError) as raised:
        cache.refresh(CITY, service())
    assert "no SHA-256" in raised.value.cause
    maxmind.faults["sha256"] = ["leave TLS"] * 9
    with pytest.raises(GeoliteFetchError):
        cache.refresh(CITY, service())


def test_an_untrusted_certificate_and_a_host_that_is_away(maxmind, cache):
    credentials = Credentials("123456", KEY)
    for url, cause in (
        (maxmind.url, "certificate is not trusted"),
        ("https://127.0.0.1:1", "connection failed"),
        ("https://no-such-host.invalid", "is not known"),
    ):
        with pytest.raises(GeoliteFetchError) as raised:
            cache.refresh(CITY, Service(credentials, url, backoff=0.01))
        assert cause in raised.value.cause
    with pytest.raises(UsageError, match="MAXMIND_DOWNLOAD_URL"):
        Service(credentials, "http://download.example.com")


BOMB = gzip.compress(b"\0" * 10_000_000, 9)


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (b"no tar at all", "not a gzipped tar"),
        (gzip.compress(b"no tar at all" * 100), "not a gzipped tar"),
        (pack_database()[:-200], "not a gzipped tar"),
        (pack({"a/README": b"x"}), "holds no database"),
        (pack({f"../{CITY}.mmdb": b"x"}), "leads elsewhere"),
        (pack({f"/etc/{CITY}.mmdb": b"x"}), "leads elsewhere"),
        (pack({f"a/{CITY}.mmdb": b"x", f"b/{CITY}.mmdb": b"x"}), "more than one"),
        (pack({"a/GeoLite2-ASN.mmdb": b"x"}), "holds GeoLite2-ASN.mmdb"),
        (pack({f"a/{n}": b"" for n in range(200)}), "more than any"),
        (pack({f"a/{CITY}.mmdb": b"\0" * 2_000_000}), "more than any"),
        (pack({f"a/{CITY}.mmdb": b"not a database"}), "not a GeoLite2 database"),
        (pack({f"a/{CITY}.mmdb": make_database("GeoLite2-ASN")}), "of the type GeoLite2-ASN"),
        (pack({f"a/{CITY}.mmdb": make_database(empty=True)}), "knows none of"),
        (pack({f"a/{CITY}.mmdb": make_database(days_old=-9)}), "has not come yet"),
    ],
)
def test_an_archive_is_not_trusted(maxmind, service, cache, monkeypatch, archive, why):
    monkeypatch.setattr("toolkit.geolite.archive.LARGEST", 1_000_000)
    kept = cache.refresh(CITY, service())
    maxmind.archives[CITY] = archive
    maxmind.modified += 60
    with pytest.raises(GeoliteFetchError, match=why):
        cache.refresh(CITY, service())
    assert cache.find(CITY) == kept
    assert sorted(path.suffix for path in cache.home.iterdir()) == [".json", ".lock", ".mmdb"]


def test_a_member_that_is_a_link_leads_elsewhere(tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo(f"a/{CITY}.mmdb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(GeoliteFetchError, match="leads elsewhere"):
        extract_database(tmp_path / "bad.tar.gz", CITY, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def bomb_in_a_header():
    """An archive whose second name would be 80 MB long, were it read."""
    import io
    import tarfile

    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 80_000_000
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1) as packed:
        packed.write(header.tobuf(tarfile.GNU_FORMAT))
        packed.write(b"a" * header.size)
    return stream.getvalue()


HEADER_BOMB = bomb_in_a_header()


def test_a_bomb_in_a_header_is_not_read_into_memory(tmp_path):
    import resource

    (tmp_path / "bomb.tar.gz").write_bytes(HEADER_BOMB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(GeoliteFetchError, match="more than any"):
        extract_database(tmp_path / "bomb.tar.gz", CITY, tmp_path / "out")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_an_archive_larger_than_any_is_not_even_read_to_its_end(
    maxmind, service, cache, monkeypatch
):
    monkeypatch.setattr("toolkit.geolite.download.LARGEST_ARCHIVE", 100)
    with pytest.raises(GeoliteFetchError) as raised:
        cache.refresh(CITY, service())
    assert "larger than any" in raised.value.cause
    assert maxmind.count("archive") == 1


def test_two_fetches_at_once_download_once(maxmind, service, cache):
    maxmind.faults["sha256"] = ["slow"]
    slow = Service(Credentials("123456", KEY), maxmind.url, maxmind.ca)
    both = [threading.Thread(target=cache.refresh, args=(CITY, slow)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert maxmind.asked == ["sha256", "archive"]


def test_a_full_disk_is_found_before_anything_is_downloaded(maxmind, service, cache, monkeypatch):
    kept = cache.refresh(CITY, service())
    newer(maxmind)
    monkeypatch.setattr("toolkit.disk.free_bytes", lambda _: 1_000_000)
    with pytest.raises(DiskError, match="free disk"):
        cache.refresh(CITY, service())
    assert maxmind.count("archive") == 1
    assert cache.find(CITY) == kept


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({"MAXMIND_ACCOUNT_ID": "1"}, "MAXMIND_LICENSE_KEY is not"),
        ({"MAXMIND_LICENSE_KEY": "k" * 40}, "MAXMIND_ACCOUNT_ID is not"),
        ({"MAXMIND_ACCOUNT_ID": "me@example.com", "MAXMIND_LICENSE_KEY": "k"}, "not a number"),
        ({"MAXMIND_ACCOUNT_ID": "1", "MAXMIND_LICENSE_KEY": "a b"}, "no licence key has"),
        (
            {"MAXMIND_ACCOUNT_ID": "1", "MAXMIND_LICENSE_KEY": "k",
             "MAXMIND_LICENSE_KEY_FILE": "/x"},
            "both",
        ),
    ],
)  # fmt: skip
def test_credentials_that_cannot_be(environment, wrong):
    with pytest.raises(GeoliteCredentialsError, match=wrong):
        find_credentials(environment, None)


def test_credentials_come_from_variables_files_and_an_env_file(tmp_path):
    assert find_credentials({}, None) is None
    key = tmp_path / "key"
    key.write_text("from-a-file-0123456789\n")
    files = {"MAXMIND_ACCOUNT_ID": "42", "MAXMIND_LICENSE_KEY_FILE": str(key)}
    assert find_credentials(files, None) == Credentials("42", "from-a-file-0123456789")
    assert redact("from-a-file-0123456789") == "***"
    env = tmp_path / ".env"
    env.write_text('export MAXMIND_ACCOUNT_ID=7\nMAXMIND_LICENSE_KEY="quoted-0123456789"\n')
    assert find_credentials(files, env) == Credentials("7", "quoted-0123456789")
    assert "quoted" not in repr(Credentials("7", "quoted-0123456789"))
    for bad, why in ((tmp_path, "cannot be read"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(UsageError, match=why):
            find_credentials({}, bad)
    env.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no text"):
        find_credentials({}, env)
    env.write_bytes(b"#" * 100_000)
    with pytest.raises(UsageError, match="too large"):
        find_credentials({}, env)


def test_editions_by_short_and_full_names():
    assert choose_editions("") == [CITY]
    assert choose_editions("asn, GeoLite2-Country,asn") == ["GeoLite2-ASN", "GeoLite2-Country"]
    with pytest.raises(UsageError, match="town"):
        choose_editions("town")


@pytest.mark.parametrize("edition", [CITY, "GeoLite2-Country", "GeoLite2-ASN"])
def test_every_edition_is_read_by_geoip2(tmp_path, edition):
    path = tmp_path / "x.mmdb"
    path.write_bytes(make_database(edition, days_old=3))
    database = check_database(path)
    assert database.edition == edition
    age = database.age_days(datetime.datetime.now(datetime.UTC))
    assert age == pytest.approx(3, abs=0.01)


@pytest.fixture
def want(maxmind):
    def make(mode="auto", max_age=30, credentials=True, **changed):
        environment = {**(maxmind.environment if credentials else {}), **changed}
        return choose.Request(mode, max_age, environment, Ca(maxmind.ca, "test"))

    return make


def test_a_build_takes_what_it_can_get(maxmind, want, cache):
    none = choose.choose_databases(want(credentials=False), [CITY], cache)
    assert not none.databases
    assert "no credentials" in none.missing
    (found,) = choose.choose_databases(want(), [CITY], cache).databases
    assert found.database.edition == CITY
    asked = len(maxmind.asked)
    assert choose.choose_databases(want(), [CITY], cache).databases == (found,)
    assert choose.choose_databases(want(credentials=False), [CITY], cache).databases == (found,)
    assert len(maxmind.asked) == asked  # a day old is new enough
    assert choose.choose_databases(want("none"), [CITY], cache).databases == ()
    assert choose.choose_databases(want(), [], cache) == choose.Chosen()


def test_a_build_without_a_database_fails_when_it_needs_one(want, cache):
    with pytest.raises(GeoliteMissingError):
        choose.choose_databases(want("required", credentials=False), [CITY], cache)
    with pytest.raises(GeoliteCredentialsError) as raised:
        choose.choose_databases(want(MAXMIND_LICENSE_KEY="wrong-key"), [CITY], cache)
    assert "--geolite none" in raised.value.hint


def test_a_build_goes_on_with_its_copy_when_maxmind_is_away(maxmind, want, cache, capsys):
    (found,) = choose.choose_databases(want(), [CITY], cache).databases
    state = cache.home / f"{CITY}.json"
    state.write_text(state.read_text().replace('"checked":', '"checked":1,"was":'))
    maxmind.faults["sha256"] = [429]
    assert choose.choose_databases(want(), [CITY], cache).databases == (found,)
    assert "stays in use; it is 1 days old" in capsys.readouterr().err
    cache.path(CITY).unlink()
    maxmind.faults["sha256"] = [429]
    assert "limit" in choose.choose_databases(want(), [CITY], cache).missing
    maxmind.faults["sha256"] = [429]
    with pytest.raises(GeoliteQuotaError):
        choose.choose_databases(want("required"), [CITY], cache)


def test_a_database_that_is_too_old_is_refused_unless_told(maxmind, want, cache):
    newer(maxmind, days_old=40)
    for mode in ("auto", "required"):
        with pytest.raises(GeoliteMissingError, match="40 days old"):
            choose.choose_databases(want(mode), [CITY], cache)
    assert choose.choose_databases(want(max_age=60), [CITY], cache).databases


def test_a_database_of_ones_own(want, cache, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    file = folder / f"{CITY}.mmdb"
    file.write_bytes(make_database())
    for place in (file, folder):
        (found,) = choose.choose_databases(want(str(place)), [CITY], cache).databases
        assert found.path == file
    with pytest.raises(UsageError, match="holds GeoLite2-City"):
        choose.choose_databases(want(str(file)), ["GeoLite2-ASN"], cache)
    with pytest.raises(UsageError, match="no GeoLite2-ASN.mmdb"):
        choose.choose_databases(want(str(folder)), ["GeoLite2-ASN"], cache)
    with pytest.raises(UsageError, match="neither a file"):
        choose.choose_databases(want("/nowhere"), [CITY], cache)
    file.write_bytes(b"none")
    with pytest.raises(GeoliteFetchError):
        choose.choose_databases(want(str(file)), [CITY], cache)


def test_a_staged_context_never_changes_and_old_ones_go(maxmind, service, cache):
    newer(maxmind, days_old=9)
    old = cache.stage([cache.refresh(CITY, service())])
    before = (old / f"{CITY}.mmdb").read_bytes()
    newer(maxmind)
    new = cache.stage([cache.refresh(CITY, service())])
    assert new != old
    assert (old / f"{CITY}.mmdb").read_bytes() == before
    long_ago = time.time() - 8 * 86_400
    os.utime(old, (long_ago, long_ago))
    assert cache.stage([cache.find(CITY)]) == new
    assert not old.exists()
    assert [path.name for path in new.iterdir()] == [f"{CITY}.mmdb"]


def test_a_users_file_is_copied_as_it_was_checked(want, cache, tmp_path):
    real = tmp_path / "real.mmdb"
    real.write_bytes(make_database(days_old=3))
    link = tmp_path / f"{CITY}.mmdb"
    link.symlink_to(real)
    (found,) = choose.choose_databases(want(str(link)), [CITY], cache).databases
    staged = cache.stage([found]) / f"{CITY}.mmdb"
    assert not staged.is_symlink()
    real.write_bytes(make_database(days_old=4))
    assert check_database(staged) == found.database
    (other,) = choose.choose_databases(want(str(real)), [CITY], cache).databases
    real.write_bytes(make_database(days_old=5))
    with pytest.raises(GeoliteFetchError, match="has changed"):
        cache.stage([other])
    assert len(list((cache.home / "contexts").iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        ('"built":"20', '"built":"yesterday 20'),
        ('"checked":', '"checked":1e18,"was":'),
        ('{"database"', '{"nothing'),
    ],
)
def test_a_state_file_that_was_damaged_is_mended(
    maxmind, service, cache, damage, capsys, monkeypatch
):
    monkeypatch.setenv("VECTIS_HOME", str(cache.home.parent))
    cache.refresh(CITY, service())
    state = cache.home / f"{CITY}.json"
    assert damage[0] in state.read_text()
    state.write_text(state.read_text().replace(*damage))
    commands.status(as_json=False)
    cache.refresh(CITY, service())
    assert maxmind.count("sha256") == 2
    assert cache.find(CITY)


def test_downloads_that_ended_badly_are_counted(maxmind, service, cache, capsys, monkeypatch):
    monkeypatch.setenv("VECTIS_HOME", str(cache.home.parent))
    maxmind.archives[CITY] = b"no archive"
    with pytest.raises(GeoliteFetchError):
        cache.refresh(CITY, service())
    commands.status(as_json=False)
    assert "1 of 30" in capsys.readouterr().out


def test_a_cache_that_cannot_be_is_one_error(service, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GeoliteFetchError, match="cannot be used"):
        Cache(tmp_path / "file").refresh(CITY, service())


def test_status_counts_what_this_machine_has_used(maxmind, cache, service, capsys, monkeypatch):
    monkeypatch.setenv("VECTIS_HOME", str(cache.home.parent))
    commands.status(as_json=False)
    assert "0 of 30" in capsys.readouterr().out
    maxmind.faults["archive"] = [500]
    found = cache.refresh(CITY, service())
    commands.status(as_json=False)
    row = capsys.readouterr().out.splitlines()[1]
    assert found.database.built[:10] in row
    assert "2 of 30" in row
    commands.status(as_json=True)
    assert KEY not in capsys.readouterr().out
    assert "no earlier copy" in describe_copy(None)


# The program inside the image, which has only the standard library: the same faults.


@pytest.fixture
def refresher(maxmind, tmp_path):
    script = tmp_path / "vectis-geolite"
    script.write_text(program("/out/usr/local/bin/vectis-geolite"))
    volume = tmp_path / "volume"
    volume.mkdir()

    def run(*editions, **environment):
        done = subprocess.run(
            [sys.executable, str(script), str(volume), *editions],
            env={"PATH": os.environ["PATH"], "MAXMIND_BACKOFF": "0.01", **maxmind.environment,
                 **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    run.volume = volume
    return run


def files(volume):
    return sorted(path.name for path in volume.iterdir() if path.name != ".lock")


def test_the_refresher_brings_a_volume_up_to_date(maxmind, refresher):
    done = refresher()
    assert done.returncode == 0, done.stderr
    assert "updated" in done.stdout
    assert check_database(refresher.volume / f"{CITY}.mmdb").edition == CITY
    assert "is the newest" in refresher().stdout
    assert maxmind.count("archive") == 1
    assert files(refresher.volume) == [f".{CITY}.sha256", f"{CITY}.mmdb"]


@pytest.mark.parametrize(
    ("faults", "said", "asked"),
    [
        ([401], "MAXMIND_LICENSE_KEY", 1),
        ([403], "MAXMIND_ACCOUNT_ID", 1),
        ([429], "again in 7200 seconds", 1),
        ([500] * 9, "HTTP 500", 4),
        (["cut"] * 9, "SHA-256", 4),
        (["other"] * 9, "SHA-256", 4),
        (["leave TLS"] * 9, "", 4),
    ],
)
def test_the_refresher_keeps_the_old_database_on_failure(maxmind, refresher, faults, said, asked):
    refresher()
    kept = (refresher.volume / f"{CITY}.mmdb").read_bytes()
    newer(maxmind)
    maxmind.asked.clear()
    maxmind.faults["archive"] = faults
    done = refresher()
    assert done.returncode == 1
    assert said in done.stderr
    assert "stays as it is" in done.stderr
    assert maxmind.count("archive") == asked
    assert (refresher.volume / f"{CITY}.mmdb").read_bytes() == kept
    assert files(refresher.volume) == [f".{CITY}.sha256", f"{CITY}.mmdb"]


def test_the_refresher_gets_over_what_passes(maxmind, refresher):
    maxmind.faults = {"sha256": [502, "html"], "archive": [500, "cut"]}
    assert refresher().returncode == 0


@pytest.mark.parametrize(
    "archive",
    [
        b"no tar",
        BOMB,
        HEADER_BOMB,
        pack({"a/README": b"x"}),
        pack({f"../{CITY}.mmdb": b"x"}),
        pack({f"a/{CITY}.mmdb": b"x", f"b/{CITY}.mmdb": b"x"}),
        pack({f"a/{CITY}.mmdb": make_database("GeoLite2-ASN")}),
        pack({f"a/{CITY}.mmdb": b"no database"}),
    ],
)
def test_the_refresher_does_not_trust_an_archive(maxmind, refresher, archive):
    maxmind.archives[CITY] = archive
    assert refresher().returncode == 1
    assert files(refresher.volume) == []


def test_the_refresher_destroys_what_the_licence_wants_gone(maxmind, refresher):
    maxmind.archives["GeoLite2-ASN"] = pack_database("GeoLite2-ASN")
    volume = refresher.volume
    (volume / f"{CITY}.mmdb.old").write_bytes(make_database(days_old=31))
    (volume / "GeoLite2-Country.mmdb").write_bytes(make_database("GeoLite2-Country", days_old=40))
    (volume / "GeoLite2-City.mmdb.bak").write_bytes(make_database(days_old=20))
    (volume / "dbip.mmdb").write_bytes(b"of somebody else")
    os.utime(volume / "dbip.mmdb", (0, 0))
    (volume / "unpacked.mmdb").mkdir()
    (volume / "unpacked.mmdb" / f"{CITY}.mmdb").write_bytes(make_database(days_old=50))
    maxmind.faults["sha256"] = [429]
    assert refresher().returncode == 1
    assert len(files(volume)) == 5  # nothing goes before there is something newer
    done = refresher(CITY, "GeoLite2-ASN")
    assert done.stdout.count("destroyed") == 3
    assert files(volume) == [
        ".GeoLite2-ASN.sha256", f".{CITY}.sha256", "GeoLite2-ASN.mmdb", f"{CITY}.mmdb",
        f"{CITY}.mmdb.bak", "dbip.mmdb", "unpacked.mmdb",
    ]  # fmt: skip


def test_the_refresher_replaces_what_was_damaged(maxmind, refresher):
    refresher()
    database = refresher.volume / f"{CITY}.mmdb"
    database.write_bytes(b"garbage")
    assert "updated" in refresher().stdout
    assert check_database(database).edition == CITY
    (refresher.volume / f".{CITY}.sha256").write_bytes(b"\xff\xfe")
    assert "updated" in refresher().stdout


@pytest.mark.parametrize(
    ("environment", "arguments", "code"),
    [
        ({"MAXMIND_LICENSE_KEY": ""}, [], 78),
        ({"MAXMIND_ACCOUNT_ID": "x"}, [], 78),
        ({"MAXMIND_DOWNLOAD_URL": "http://x"}, [], 78),
        ({"MAXMIND_LICENSE_KEY": "", "MAXMIND_LICENSE_KEY_FILE": "/nowhere"}, [], 78),
        ({}, ["GeoLite2-Town"], 64),
    ],
)
def test_the_refresher_names_what_is_missing(maxmind, refresher, environment, arguments, code):
    done = refresher(*arguments, **environment)
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert maxmind.asked == []


def test_the_host_script_says_how_it_is_used():
    script = ROOT / "scripts" / "geolite-refresh"
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "usage: geolite-refresh IMAGE VOLUME" in done.stderr
