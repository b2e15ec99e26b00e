"""Jars come whole or not at all, from the lock and from nowhere else."""

import hashlib
import re
from pathlib import Path

import pytest
from tests.unit.broker.conftest import Repository

from presence.broker import BrokerError, DownloadFailed, FolderNotWritable, Progress
from presence.broker.jars import LOCK_PATH, Jar, ensure_jars, kafka_version, locked_jars

CONTENTS = {"org/a/1/a-1.jar": b"a" * 200_000, "org/b/2/b-2.jar": b"b" * 10}


def jars() -> list[Jar]:
    return [
        Jar(hashlib.sha256(content).hexdigest(), len(content), path) for path, content in CONTENTS.items()
    ]


@pytest.fixture
def maven(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("PRESENCE_MAVEN_URL", repository.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    repository.files |= CONTENTS
    return repository


def test_the_lock_names_files_and_hashes_and_no_host() -> None:
    for line in LOCK_PATH.read_text().splitlines():
        assert re.fullmatch(r"[0-9a-f]{64} [1-9]\d* [\w.-]+(/[\w.-]+)+\.jar", line)
        assert not re.search(r"://|repo\d?\.|www\.|@", line)
    paths = [jar.maven_path for jar in locked_jars()]
    assert paths == sorted(set(paths))
    assert f"org/apache/kafka/kafka-clients/{kafka_version()}/kafka-clients-{kafka_version()}.jar" in paths


def test_all_are_downloaded_once_and_their_bytes_reported(maven: Repository, tmp_path: Path) -> None:
    heard: list[Progress] = []
    paths = ensure_jars(tmp_path, heard.append, jars())
    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())
    assert heard[-1].bytes_done == heard[-1].bytes_total == 200_010
    assert ensure_jars(tmp_path, heard.append, jars()) == paths
    assert maven.asked == dict.fromkeys(CONTENTS, 1)


def test_only_what_is_missing_or_damaged_is_downloaded_again(maven: Repository, tmp_path: Path) -> None:
    whole, damaged = ensure_jars(tmp_path, jars=jars())
    damaged.write_bytes(b"B" * 10)
    leftover = damaged.with_suffix(".part")
    leftover.write_bytes(b"of an interrupted download")
    ensure_jars(tmp_path, jars=jars())
    assert damaged.read_bytes() == b"b" * 10
    assert not leftover.exists()
    assert maven.asked[f"org/a/1/{whole.name}"] == 1


def test_another_content_than_the_locks_is_never_kept(maven: Repository, tmp_path: Path) -> None:
    maven.files["org/b/2/b-2.jar"] = b"c" * 10
    with pytest.raises(DownloadFailed, match=r"b-2\.jar: .*SHA-256 differs"):
        ensure_jars(tmp_path, jars=jars())
    assert maven.asked["org/b/2/b-2.jar"] == 3
    assert [path.name for path in tmp_path.glob("jars/b*")] == []


def test_a_server_in_trouble_is_asked_again(maven: Repository, tmp_path: Path) -> None:
    maven.statuses["org/b/2/b-2.jar"] = [503]
    assert all(path.exists() for path in ensure_jars(tmp_path, jars=jars()))


def test_a_jar_that_is_not_there_is_asked_for_once(maven: Repository, tmp_path: Path) -> None:
    maven.statuses["org/b/2/b-2.jar"] = [404]
    with pytest.raises(DownloadFailed, match="404") as caught:
        ensure_jars(tmp_path, jars=jars())
    assert str(tmp_path / "jars") in caught.value.remedy
    assert maven.asked["org/b/2/b-2.jar"] == 1


def test_a_repository_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRESENCE_MAVEN_URL", "file:///srv/maven")
    with pytest.raises(BrokerError, match="PRESENCE_MAVEN_URL"):
        ensure_jars(tmp_path, jars=jars())


def test_a_cache_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(FolderNotWritable, match="cache"):
        ensure_jars(tmp_path / "cache", jars=jars())
