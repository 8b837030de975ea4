import tracemalloc
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from connectors.fhir.bulk_lines import KEPT_BYTES, Line, cut

LINES = st.lists(st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"")), max_size=12)


def pieces(text: bytes, step: int) -> list[bytes]:
    return [text[start : start + step] for start in range(0, len(text), step)]


@given(LINES, st.integers(1, 40), st.booleans())
def test_any_pieces_give_the_same_lines(lines: list[bytes], step: int, ended: bool) -> None:  # noqa: FBT001
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    found = list(cut(pieces(text, step)))
    assert [line.raw for line in found] == [
        line.strip().removeprefix(b"\xef\xbb\xbf").strip()
        for line in text.split(b"\n")
        if line.strip().removeprefix(b"\xef\xbb\xbf").strip()
    ]
    for line in found:
        # Where a line ends the file may be opened again, and the rest is the rest.
        rest = list(cut(pieces(text[line.end :], step), start=line.end, number=line.number))
        assert rest == found[found.index(line) + 1 :]


def test_a_line_that_is_too_long_costs_itself_alone() -> None:
    text = b'{"a":1}\n' + b"x" * 1_000_000 + b'\n{"b":2}\n'
    for step in (7, 4096, 999_999, 10_000_000):
        found = list(cut(pieces(text, step), max_line=100_000))
        assert [line.raw for line in found] == [
            b'{"a":1}',
            b"x" * KEPT_BYTES,
            b'{"b":2}',
        ]
        assert [line.too_long for line in found] == [False, True, False]
        assert [line.size for line in found] == [7, 1_000_000, 7]
        assert [line.number for line in found] == [1, 2, 3]
        assert found[-1].end == len(text)


def test_exactly_the_cap_is_a_line() -> None:
    (line,) = cut([b"x" * 50, b"y" * 50], max_line=100)
    assert line == Line(raw=b"x" * 50 + b"y" * 50, end=100, number=1, size=100)


def test_a_line_without_end_is_nobodys_memory() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2000):
            yield b"x" * 65_536

    tracemalloc.start()
    (line,) = cut(endless())
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert line.too_long
    assert len(line.raw) == KEPT_BYTES
    assert peak < 20_000_000, peak


def test_empty_lines_and_a_byte_order_mark_are_passed_over() -> None:
    found = list(cut([b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"b":2}\r\n']))
    assert [(line.raw, line.number) for line in found] == [(b'{"a":1}', 1), (b'{"b":2}', 4)]
