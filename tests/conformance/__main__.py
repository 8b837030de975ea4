"""`python -m tests.conformance`: run the suite over every profile and write docs/conformance.md."""

from tests.conformance.table import FILE, written

if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
