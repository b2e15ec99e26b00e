"""Reading an export: as a file, a folder or a zip, safely, and in memory that does not grow with it."""

import io
import json
import os
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

import pytest

from presence.events.errors import CallerError, InvalidEvent
from presence.ingest.exports.elements import elements
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.exports.rows import rows
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES

FILES = {"top/Shares.csv": b"a,b\n1,2\n", "top/deep/Photo.JPG": b"\xff", "top/data/tweets.js": b"[]"}


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def whole(part: Part, file: BinaryIO) -> Iterator[Item]:
    yield Item(file.read(), part.base)


def read_all(path: Path) -> dict[str, bytes]:
    with Export(path) as export:
        parts = export.select("*.*", "*/*", "*/*/*")
        return {part.name: item.data for part, item in zip(parts, export.items(parts, whole), strict=True)}


def test_a_folder_and_its_zip_are_the_same_parts_in_the_same_order(tmp_path: Path) -> None:
    by_folder = read_all(folder(tmp_path / "folder", FILES))
    assert by_folder == FILES
    assert list(by_folder) == sorted(FILES)
    assert read_all(zipped(tmp_path / "export.zip", FILES)) == by_folder
    (single := tmp_path / "one.csv").write_bytes(b"x")
    assert read_all(single) == {"one.csv": b"x"}


def tarred(path: Path, files: dict[str, bytes], mode: Literal["w", "w:gz"] = "w:gz") -> Path:
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_tar_is_the_same_parts_in_its_own_order(tmp_path: Path) -> None:
    long = {f"{'deep/' * 60}last.csv": b"deep"}
    for mode in ("w", "w:gz"):
        path = tarred(tmp_path / "export.tar", FILES | long, mode)
        assert read_all(path) == read_all(zipped(tmp_path / "export.zip", FILES | long))
    with Export(tarred(tmp_path / "export.tgz", FILES)) as export:
        assert [part.name for part in export.parts] == list(FILES)


def test_a_tar_that_is_torn_a_bomb_or_hostile_is_no_traceback(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "export.tgz", {"a.csv": os.urandom(100_000), "b.csv": b"b"}).read_bytes()
    (torn := tmp_path / "torn.tgz").write_bytes(whole[:50_000])
    bomb = tarred(tmp_path / "bomb.tgz", {"a.csv": bytes(70 * 2**20)})
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**32
    (hostile := tmp_path / "hostile.tar").write_bytes(header.tobuf() + bytes(10_240))
    linked = tmp_path / "linked.tar"
    with tarfile.open(linked, "w") as archive:
        link = tarfile.TarInfo("a.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    for path in (torn, bomb, hostile):
        with pytest.raises(CallerError, match="not an archive that can be read"), Export(path):
            pass
    with Export(linked) as export:
        assert export.parts == ()


def test_parts_are_found_by_the_end_of_their_name_in_any_case(tmp_path: Path) -> None:
    with Export(zipped(tmp_path / "export.zip", FILES)) as export:
        assert [each.name for each in export.find("shares.CSV", "data/*.js")] == [
            "top/Shares.csv",
            "top/data/tweets.js",
        ]
        assert export.find("hares.csv", "top/*.js") == []


def test_what_is_selected_is_the_total_and_the_rest_is_known(tmp_path: Path) -> None:
    with Export(zipped(tmp_path / "export.zip", FILES)) as export:
        parts = export.select("Shares.csv")
        export.select("Shares.csv")
        assert export.bytes_total == len(FILES["top/Shares.csv"])
        assert [each.base for each in export.unselected()] == ["tweets.js", "Photo.JPG"]
        list(export.items(parts, whole))
        assert export.bytes_read == export.bytes_total


def test_no_name_leads_out_of_the_export_and_links_are_not_followed(tmp_path: Path) -> None:
    (secret := tmp_path / "secret.csv").write_bytes(b"secret")
    inside = folder(tmp_path / "folder", {"a.csv": b"a"})
    (inside / "link.csv").symlink_to(secret)
    (inside / "up").symlink_to(tmp_path)
    assert read_all(inside) == {"a.csv": b"a"}
    archive = zipped(tmp_path / "evil.zip", {"../secret.csv": b"zip's own", "/etc/passwd.csv": b"zip's own"})
    assert set(read_all(archive).values()) == {b"zip's own"}
    assert secret.read_bytes() == b"secret"


def test_the_leavings_of_a_mac_are_no_part_of_it(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "mac.zip", {"a.csv": b"a", "__MACOSX/._a.csv": b"x", "._b.csv": b"x"})
    with Export(archive) as export:
        assert [each.name for each in export.select("*.csv")] == ["a.csv"]
        assert len(export.unselected()) == 2


def test_a_damaged_part_is_one_item_and_the_next_follows(tmp_path: Path) -> None:
    path = zipped(tmp_path / "export.zip", {"a.csv": os.urandom(200_000), "b.csv": b"fine"})
    content = bytearray(path.read_bytes())
    content[1000:1010] = b"0123456789"
    path.write_bytes(content)
    with Export(path) as export:
        found = list(export.items(export.select("*.csv"), whole))
    assert [(each.kind, each.refused) for each in found] == [("a.csv", "damaged"), ("b.csv", "")]


def test_a_bomb_a_sealed_part_and_an_odd_method_are_named(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"a.csv": bytes(70 * 2**20), "b.csv": b"fine"})
    with Export(bomb) as export:
        assert [each.refused for each in export.items(export.select("*.csv"), whole)] == ["bomb", ""]
    odd = zipped(tmp_path / "odd.zip", {"a.csv": b"a" * 100}, zipfile.ZIP_LZMA)
    with Export(odd) as export:
        assert [each.refused for each in export.items(export.select("*.csv"), whole)] == ["compression"]
    sealed = bytearray(zipped(tmp_path / "sealed.zip", {"a.csv": b"a"}).read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        sealed[sealed.index(signature) + at] |= 1
    (tmp_path / "sealed.zip").write_bytes(sealed)
    with Export(tmp_path / "sealed.zip") as export:
        assert [each.refused for each in export.items(export.select("*.csv"), whole)] == ["encrypted"]


def test_a_zip_that_lies_about_its_directory_is_not_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "export.zip", FILES)
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.rindex(b"PK\x05\x06") + 12, 2**31)
    path.write_bytes(content)
    with pytest.raises(CallerError, match="its list of files"):
        Export(path)


@pytest.mark.parametrize("content", [b"PK\x05\x06" + bytes(18), b"", b"PK\x03\x04" + b"\xff" * 100])
def test_an_empty_or_torn_zip_is_no_traceback(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "export.zip").write_bytes(content)
    with Export(path) as export:
        assert len(export.parts) in {0, 1}


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="No such file"):
        Export(tmp_path / "nothing")


def test_another_content_has_another_fingerprint(tmp_path: Path) -> None:
    one = Export(zipped(tmp_path / "one.zip", {"a": b"1"})).fingerprint()
    assert Export(zipped(tmp_path / "again.zip", {"a": b"1"}).rename(tmp_path / "renamed.zip")).fingerprint()
    other = Export(zipped(tmp_path / "other.zip", {"a": b"2"})).fingerprint()
    assert one != other


def listed(text: bytes) -> list[tuple[str, bytes]]:
    return [(each.kind, each.data) for each in elements(io.BytesIO(text), "f")]


def test_elements_of_top_level_arrays_and_of_members() -> None:
    assert listed(b'window.YTD.tweets.part0 = [ {"a": "}]"}, [1], "x,\\"y", 5,null ]') == [
        ("f", b'{"a": "}]"}'),
        ("f", b"[1]"),
        ("f", b'"x,\\"y"'),
        ("f", b"5"),
        ("f", b"null"),
    ]
    text = b'{"a": 1, "b": {"c": [9]}, "d": [{"e": []}], "f": "[", "g": [], "h": [true]}'
    assert listed(text) == [("f/d", b'{"e": []}'), ("f/h", b"true")]
    assert listed(b"") == listed(b"{}") == listed(b"[]") == listed(b"5") == []


@pytest.mark.parametrize(
    "broken",
    [
        b'{"a": }',
        b'{"a": [}',
        b'{"a": "no end\n}',
        b"{]",
        b"nonsense}",
        b'{"a":1',
        b"\xff\xfe",
        b"[" * 600 + b"]" * 600,
    ],
)
def test_an_element_that_is_broken_costs_itself_only(broken: bytes) -> None:
    found = [data for _, data in listed(b'[{"id": 1},\n' + broken + b',\n{"id": 2},\n{"id": 3}]')]
    assert found[0] == b'{"id": 1}'
    assert b'{"id": 3}' in found or broken == b'{"a":1'


def test_an_element_of_any_length_is_cut_and_counted() -> None:
    long = b'{"a": "' + b"x" * (3 * FRAME_BYTES_MAX) + b'"}'
    found = list(elements(io.BytesIO(b"[1," + long + b",2]"), "f"))
    assert [each.size_bytes for each in found] == [1, len(long), 1]
    assert found[1].data == long[:HEAD_BYTES]


def parsed(text: bytes, **options: bool) -> list[dict[str, str] | str]:
    file = cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(text))))
    return [each.refused or json.loads(each.data) for each in rows(file, "f", **options)]  # type: ignore[arg-type]


def test_rows_of_every_usual_form_of_a_csv_file() -> None:
    wanted = [{"Näme": "Ada, B", "Text": 'say "hi"\nthere'}, {"Näme": "Bo"}]
    text = 'Näme,Text\n"Ada, B","say ""hi""\nthere"\n\nBo,\n'
    assert parsed(text.encode()) == wanted
    assert parsed(text.encode("utf-8-sig")) == wanted
    assert parsed(text.encode("utf-16")) == wanted
    assert parsed(text.encode("cp1252")) == wanted
    assert parsed(text.replace("\n", "\r\n").encode())[1] == wanted[1]
    assert parsed(b"a;b\n1,5;2\n") == [{"a": "1,5", "b": "2"}]
    assert parsed(b"a\tb\n1\t2\n") == [{"a": "1", "b": "2"}]
    assert parsed(b'a,b\n"x \\"y\\", z",2\n', backslash_escapes=True) == [{"a": 'x "y", z', "b": "2"}]
    assert parsed(b'a,b\n"x \\"y\\", z",2\n') == [{"a": 'x "y", z', "b": "2"}]
    assert parsed(b'a,b\n"C:\\","x\\""y"""\n') == [{"a": "C:\\", "b": 'x\\"y"'}]


def test_rows_too_short_too_long_and_too_large() -> None:
    assert parsed(b"a,b\n1\n1,2,3,4\n\n,\n") == [{"a": "1"}, {"a": "1", "b": "2", "": "34"}]
    huge = b'a,b\n1,"' + b"x" * (FRAME_BYTES_MAX + 10) + b'"\n2,3\n'
    assert parsed(huge)[0] == "csv"
    assert parsed(huge)[-1] == {"a": "2", "b": "3"}
    assert parsed(b"a,b") == parsed(b"") == []


def test_no_header_is_told_once() -> None:
    file = cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", io.BytesIO(b"x\ny\n"))))
    assert [each.refused for each in rows(file, "f", is_header=lambda row: "a" in row)] == ["no_header"]


class Endless(io.RawIOBase):
    """A JSON array that is written while it is read."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self._left = size_bytes
        self._element = b'{"id": %d, "text": "%s"},\n' % (random.randrange(10**9), b"x" * 500)
        self._pending = b"["

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override] # typeshed: any writable buffer
        if not self._pending and self._left > 0:
            self._pending = self._element
        data, self._pending = self._pending[: len(buffer)], self._pending[len(buffer) :]
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def peak_bytes(size_bytes: int) -> int:
    file = cast("BinaryIO", io.BufferedReader(Endless(size_bytes), 65_536))
    tracemalloc.start()
    number = sum(1 for _ in elements(file, "f"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number > size_bytes // 1000
    return peak


def test_memory_does_not_grow_with_the_export() -> None:
    assert peak_bytes(20_000_000) < 2 * peak_bytes(500_000)


def test_a_part_that_cannot_be_streamed_says_so(tmp_path: Path) -> None:
    with (
        Export(zipped(tmp_path / "export.zip", FILES)) as export,
        pytest.raises(CallerError, match="taken out"),
    ):
        export.local(export.parts[0])


def test_the_stream_of_a_part_raises_what_the_runner_knows(tmp_path: Path) -> None:
    path = zipped(tmp_path / "export.zip", {"a.csv": os.urandom(200_000)})
    content = bytearray(path.read_bytes())
    content[1000:1010] = b"0123456789"
    path.write_bytes(content)
    with (
        Export(path) as export,
        export.open(export.parts[0]) as file,
        pytest.raises(InvalidEvent, match="damaged"),
    ):
        file.read()
