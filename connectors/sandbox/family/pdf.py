"""The smallest PDF that a reader opens without complaint: Helvetica, A4, as many pages as the text needs."""

import textwrap
from collections.abc import Sequence
from typing import Final

PAGE_LINES: Final = 52
LINE_WIDTH: Final = 92
TOP, LEFT, LEADING = 790, 56, 14


def pdf(paragraphs: Sequence[str], *, title: str) -> bytes:
    """Set ``paragraphs`` under ``title``; the same words give the same bytes (ISO 32000-1, 7.5).

    Raises:
        UnicodeEncodeError: a letter outside Windows-1252, the encoding of the built-in fonts.

    """
    lines = [line for text in paragraphs for line in (textwrap.wrap(text, LINE_WIDTH) or [""])]
    pages = [lines[start : start + PAGE_LINES] for start in range(0, len(lines), PAGE_LINES)] or [[]]
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects += [
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{base} /Encoding /WinAnsiEncoding >>".encode()
        for base in ("Helvetica", "Helvetica-Bold")
    ]
    objects.append(b"<< /Title " + _text(title) + b" /Producer (phr sandbox) >>")
    kids: list[str] = []
    for number, page in enumerate(pages, start=1):
        content = _content(title if number == 1 else f"{title} (page {number})", page)
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects) + 2} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(pages)} >>".encode()
    return _file(objects)


def _content(heading: str, lines: Sequence[str]) -> bytes:
    written = [b"BT /F2 13 Tf %d %d Td " % (LEFT, TOP) + _text(heading) + b" Tj ET"]
    written.append(b"BT /F1 10 Tf %d TL %d %d Td" % (LEADING, LEFT, TOP - 2 * LEADING))
    written += [_text(line) + b" Tj T*" for line in lines]
    written.append(b"ET")
    return b"\n".join(written)


def _text(words: str) -> bytes:
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return b"(" + escaped.encode("cp1252") + b")"


def _file(objects: Sequence[bytes]) -> bytes:
    written = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
    )
    return bytes(written)
