"""Reading the project's own documents: their tables, their sections, and what stands in backticks."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])


def tables(text: str, first_cell: str) -> list[list[str]]:
    """Return the rows, cell by cell, of all tables whose head begins with this cell."""
    rows, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        inside = bool(cells) and (inside or cells[0] == first_cell)
        if inside and cells[0] != first_cell and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of any level."""
    return re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
