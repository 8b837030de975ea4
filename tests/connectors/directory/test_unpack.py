"""What is packed into a list must neither break a load nor fill the memory."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
from typing import Final

import pytest

from connectors.directory import BadList, read
from connectors.directory.unpack import unpacked
from tests.connectors.directory.lists import VENDORS

MB: Final = 1024 * 1024
NOISE: Final = random.Random(1).randbytes(9000)


def flipped(packed: bytes, *, at: int) -> bytes:
    return packed[:at] + bytes([packed[at] ^ 0xFF]) + packed[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"url,name\n" + b"a" * 5000)[:10] + b"\xff" * 300,
        flipped(gzip.compress(b"url,name\n" + NOISE.hex().encode()), at=3000),
        flipped(gzip.compress(b"url,name\nhttps://fhir.acme.org/r4/1,Elm\n"), at=-8),
        flipped(gzip.compress(b'[{"url":"https://fhir.acme.org/r4/1","name":"Elm"}]'), at=-8),
        gzip.compress(b"url,name\nhttps://fhir.acme.org/r4/1,Elm\n")[:-4],
        gzip.compress(b"url,name\n") + b"\x1f\x8b\x08 and no more",
        b"\x1f\x8b",
    ],
    ids=["deflate", "later_on", "checksum", "checksum_json", "cut_off", "second_member", "magic_alone"],
)
def test_what_is_packed_and_broken_is_a_bad_list(content: bytes) -> None:
    with pytest.raises(BadList, match="packed with gzip"):
        list(read(io.BytesIO(content), vendors=VENDORS))


def test_it_is_unpacked_once() -> None:
    content = b"url,name\nhttps://fhir.acme.org/r4/1,Elm\n"
    assert len(list(read(io.BytesIO(gzip.compress(content)), vendors=VENDORS))) == 1
    for _ in range(400):
        content = gzip.compress(content)
    with pytest.raises(BadList, match="more than once"):
        list(read(io.BytesIO(content), vendors=VENDORS))


def test_no_more_comes_out_than_a_list_has() -> None:
    packed = gzip.compress(b"a" * 1000)
    whole = unpacked(io.BytesIO(packed), max_bytes=1000)
    assert len(whole.read()) == 1000
    whole.seek(0)
    assert len(whole.read()) == 1000
    with pytest.raises(BadList, match="unpacks to more"):
        unpacked(io.BytesIO(packed), max_bytes=999).read()


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (b"url,name\n", b"a,"),
        (b"", b"u,"),
        (b"url,name\n", b"a"),
        (b"url,name\n", b'"\n",'),
        (b"[", b"["),
        (b'[{"name":"', b"a"),
        (b'{"', b"a"),
        (b"{", b'"a":"%s",' % (b"b" * 4000)),
    ],
    ids=["row", "headings", "cell", "lines_of_a_row", "arrays", "text", "member_name", "members"],
)
def test_what_never_ends_is_given_up_early(begins: bytes, goes_on: bytes) -> None:
    content = gzip.compress(begins + goes_on * (200 * MB // len(goes_on)), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(BadList):
            list(read(io.BytesIO(content), vendors=VENDORS))
        assert tracemalloc.get_traced_memory()[1] < 150 * MB
    finally:
        tracemalloc.stop()
