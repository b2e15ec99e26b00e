"""Archive and snapshots in an S3 of another make, over a socket: what holds of a folder holds of a bucket."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Thread

import httpx
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from obstore.store import from_url
from tests.service.test_replay_archive import report
from tests.service.test_snapshots import (
    log,
    test_a_lost_store_comes_back_and_goes_on_from_the_log,
    test_a_store_that_is_there_is_not_replaced,
    test_only_the_newest_are_kept_and_none_twice,
)
from tests.unit.archive.test_store import (
    append,
    filled,
    test_a_manifest_with_a_gap_is_not_written,
    test_of_two_who_take_the_same_step_one_can,
    test_some_columns_are_read_alone,
    test_what_was_written_comes_back,
    test_who_reads_while_files_are_merged_misses_and_repeats_nothing,
)
from werkzeug.serving import BaseWSGIServer, make_server

from presence.archive.errors import FileDamaged, FileMissing
from presence.archive.store import Archive, Outrun
from presence.cli.bench_replay import fill, settings_of
from presence.events.errors import SourceUnavailable
from presence.model.spec import load
from presence.replay.run import Order
from presence.scoring.snapshots import Snapshots

__all__ = [  # The suites of archive and snapshots, with the fixtures below instead of their own.
    "filled",
    "log",
    "test_a_lost_store_comes_back_and_goes_on_from_the_log",
    "test_a_manifest_with_a_gap_is_not_written",
    "test_a_store_that_is_there_is_not_replaced",
    "test_of_two_who_take_the_same_step_one_can",
    "test_only_the_newest_are_kept_and_none_twice",
    "test_some_columns_are_read_alone",
    "test_what_was_written_comes_back",
    "test_who_reads_while_files_are_merged_misses_and_repeats_nothing",
]


NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[BaseWSGIServer]:
    found = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    thread = Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def bucket(server: BaseWSGIServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket."""
    endpoint = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "ENDPOINT": endpoint,
        "ACCESS_KEY_ID": "key",
        "SECRET_ACCESS_KEY": "secret",
        "REGION": "us-east-1",
        "ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    name = f"kept-{next(NUMBERS)}"
    httpx.put(f"{endpoint}/{name}").raise_for_status()
    return f"s3://{name}"


@pytest.fixture
def archive(bucket: str) -> Archive:
    return Archive(f"{bucket}/archive", "presence.activity")


@pytest.fixture
def snapshots(bucket: str) -> Snapshots:
    return Snapshots(f"{bucket}/snapshots", "test")


def test_of_eight_at_once_one_takes_the_step(archive: Archive) -> None:
    manifest = append(archive, 0, 99)

    def step(_: int) -> bool:
        try:
            archive.commit(manifest)
        except Outrun:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(step, range(8))) == 1
    assert archive.manifest(3).version == manifest.version + 1


def test_harm_is_named_with_its_file(filled: Archive) -> None:
    objects, path = from_url(filled.url), filled.manifest(3).files[1].path(3)
    data = bytearray(objects.get(f"presence.activity/{path}").bytes())
    data[len(data) // 2] ^= 1
    objects.put(f"presence.activity/{path}", bytes(data))
    with pytest.raises(FileDamaged, match=path):
        list(filled.parts(3))
    objects.delete(f"presence.activity/{path}")
    with pytest.raises(FileMissing, match=path):
        list(filled.parts(3))


def test_a_replay_of_it_is_that_of_the_same_archive_in_a_folder(bucket: str, tmp_path: Path) -> None:
    fill(tmp_path, 2_000)
    there, folder = from_url(f"{bucket}/archive"), tmp_path / "archive"
    for path in folder.rglob("*"):
        if path.is_file():
            there.put(path.relative_to(folder).as_posix(), path)
    order, settings = Order("archive", load(), tail=False), settings_of(tmp_path)
    assert report(order, replace(settings, archive=f"{bucket}/archive")) == report(order, settings)


def test_a_bucket_that_is_not_there_is_named_in_a_line(bucket: str) -> None:
    archive, snapshots = Archive(f"{bucket}-not", "presence.activity"), Snapshots(f"{bucket}-not", "test")
    for ask in (lambda: archive.manifest(3), lambda: append(archive, 0, 9), lambda: snapshots.of(3)):
        with pytest.raises(SourceUnavailable, match="-not") as raised:
            ask()
        assert "\n" not in str(raised.value)
