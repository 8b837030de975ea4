import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egress.limits import Body, Deadline
from connectors.errors import BadReply, RetryLater


def collect(chunks: list[bytes], *, encoding: str = "", max_bytes: int = 1000) -> bytes:
    body = Body(encoding=encoding, max_bytes=max_bytes)
    for chunk in chunks:
        body.add(chunk)
    return body.finish()


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 20))
def test_gzip_in_any_pieces_comes_out_whole(parts: list[bytes], step: int) -> None:
    sent = b"".join(gzip.compress(part) for part in parts)
    chunks = [sent[start : start + step] for start in range(0, len(sent), step)]
    assert collect(chunks, encoding="gzip") == b"".join(parts)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, compresslevel=9)
    with pytest.raises(BadReply) as refusal:
        collect([bomb], encoding="gzip", max_bytes=5_000_000)
    assert refusal.value.code == "too_large"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_what_is_sent_counts_too(encoding: str) -> None:
    noise = gzip.compress(b"", mtime=0) * 100
    with pytest.raises(BadReply) as refusal:
        collect([noise], encoding=encoding, max_bytes=1000)
    assert refusal.value.code == "too_large"


def test_exactly_the_cap_passes() -> None:
    assert collect([b"x" * 600, b"y" * 400]) == b"x" * 600 + b"y" * 400


def test_gzip_that_breaks_off_is_asked_again() -> None:
    with pytest.raises(RetryLater) as error:
        collect([gzip.compress(b"hello" * 50)[:-6]], encoding="gzip")
    assert error.value.code == "truncated"


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_a_coding_that_was_not_offered_is_refused(encoding: str) -> None:
    with pytest.raises(BadReply):
        Body(encoding=encoding, max_bytes=1)


def test_gzip_that_is_none_is_refused() -> None:
    with pytest.raises(BadReply) as error:
        collect([zlib.compress(b"hello")], encoding="gzip")
    assert error.value.code == "bad_response"


def test_a_deadline_ends() -> None:
    with pytest.raises(RetryLater) as error:
        Deadline(-1.0).left()
    assert error.value.code == "timeout"
    assert 0 < Deadline(5.0).left() <= 5.0
