"""Text tables: decoded strictly, every row of one length, numbers to the last bit."""

import bz2
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrodict.errors import TableFormatError
from retrodict.tables.sniff import all_numbers, is_number, sniff_delimiter, split_rows

if TYPE_CHECKING:
    import pandas  # noqa: ICN001 (beartype resolves the full name at run time)

_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
_SOMETHING_ELSE = {
    r"<[!?a-zA-Z]": "HTML or XML (a web page saved in place of the file behind it?)",
    r"\{|\[\s*[\[{\"\d-]": "JSON",
    r"%PDF": "a PDF document",
    r"version https://git-lfs": "a Git LFS pointer, not the file it stands for",
}
_SPOKEN = {"\t": "tab", " ": "white space", ";": "semicolon", ",": "comma"}


@dataclass(frozen=True)
class _Layout:
    """How the lines of a text are to be cut."""

    delimiter: str
    names: list[str]
    has_header_row: bool
    num_fields: int


def read_text(
    path: Path, names: Sequence[str] | None = None, compression: str | None = None
) -> "pandas.DataFrame":
    """Read delimited text; with `names`, a first row of text and numbers is ambiguous and refused.

    Raises:
        TableFormatError: not text, something else, or rows of different lengths.
    """
    text = _decode(_read_bytes(path, compression), path)
    for beginning, what in _SOMETHING_ELSE.items():
        if re.match(beginning, text.lstrip()):
            raise TableFormatError(
                f"`{path.name}` is not a table: it looks like {what}.",
                "Export or download the table itself as CSV.",
            )
    lines = text.split("\n")
    comments, first = _leading_comments(lines)
    body = lines[first:]
    if not any(line.strip() for line in body):
        raise TableFormatError(
            f"`{path.name}` is empty.", "Check that the file is the one you meant."
        )
    try:
        layout = _layout(body, comments, path, names)
    except csv.Error as error:
        raise TableFormatError(
            f"`{path.name}` is not a table: {error}.", "Check the quotes in it."
        ) from error
    return _parse(body, layout, path)


def _read_bytes(path: Path, compression: str | None) -> bytes:
    if compression is None:
        return path.read_bytes()
    try:
        return _DECOMPRESS[compression](path.read_bytes())
    except (EOFError, zlib.error, lzma.LZMAError, ValueError, OSError) as error:
        raise TableFormatError(
            f"`{path.name}` cannot be decompressed as {compression}: {error}.",
            "The file is truncated, damaged or not compressed: get a whole copy.",
        ) from error


def _decode(data: bytes, path: Path) -> str:
    # Spreadsheets save "Unicode text" as UTF-16, which its first two bytes tell.
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        text, place = "\0", f"byte {error.start} is not UTF-8"
    else:
        place = "it contains zero bytes"
    if "\0" in text:
        raise TableFormatError(
            f"`{path.name}` is not a text table: {place}.",
            "Save it as CSV in UTF-8; a spreadsheet or a binary file cannot be read as text.",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _leading_comments(lines: Sequence[str]) -> tuple[list[str], int]:
    """Comments above the table, and the index of the first line that is none."""
    comments: list[str] = []
    for index, line in enumerate(lines):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            return comments, index
        if stripped.lstrip("#").strip():
            comments.append(stripped.lstrip("#").strip())
    return comments, len(lines)


def _layout(
    body: Sequence[str], comments: Sequence[str], path: Path, names: Sequence[str] | None
) -> _Layout:
    is_tabbed = {".tsv", ".tab"}.intersection(suffix.lower() for suffix in path.suffixes[-2:])
    delimiter = "\t" if is_tabbed else sniff_delimiter(body)
    first, is_padded = _checked_rows(body, delimiter, path)
    num_fields = len(first)
    if is_padded:
        del first[-1]
    header = None
    if not all_numbers(first):
        if names is not None and any(is_number(field) for field in first):
            raise TableFormatError(
                f"The first row of `{path.name}` holds text and numbers "
                f"({', '.join(first[:6])}): with names given, it could be a header to be "
                "replaced, or data to be kept.",
                "Delete the row if it is a header; if it is data, put a header line above it.",
            )
        header = first
    above = next(split_rows(comments[-1:], delimiter), [])
    if header is None and len(above) == len(first) and not all_numbers(above):
        return _Layout(delimiter, _named(above), False, num_fields)
    default = [f"c{index}" for index in range(1, len(first) + 1)]
    return _Layout(delimiter, _named(header or default), header is not None, num_fields)


def _named(fields: Sequence[str]) -> list[str]:
    return [field.strip() or f"c{index}" for index, field in enumerate(fields, start=1)]


def _checked_rows(body: Sequence[str], delimiter: str, path: Path) -> tuple[list[str], bool]:
    """The first row, and whether every row ends in a delimiter: a column without anything."""
    rows = split_rows(body, delimiter)
    first = next(rows)
    is_padded = len(first) > 1 and not first[-1].strip()
    for number, fields in enumerate(rows, start=2):
        if len(fields) != len(first):
            raise TableFormatError(
                f"Rows of `{path.name}` have different lengths: row 1 has {len(first)} fields, "
                f"row {number} has {len(fields)} (delimiter: {_SPOKEN[delimiter]}).",
                "The file is truncated, or its rows are not one table; give every column a name "
                "in the header, and quote fields that contain the delimiter.",
            )
        is_padded = is_padded and not fields[-1].strip()
    return [field.strip() for field in first], is_padded


def _parse(body: Sequence[str], layout: _Layout, path: Path) -> "pandas.DataFrame":
    import pandas as pd

    try:
        frame = pd.read_csv(
            io.StringIO("\n".join(body)),
            sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
            header=0 if layout.has_header_row else None,
            names=list(range(layout.num_fields)),
            index_col=False,
            skipinitialspace=True,
            low_memory=False,
            **_exact_numbers(pd.__version__),
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TableFormatError(
            f"`{path.name}` is not a table: {str(error).strip()}.",
            "Check quotes and delimiters in it.",
        ) from error
    return frame.iloc[:, : len(layout.names)].set_axis(layout.names, axis="columns")


def _exact_numbers(pandas_version: str) -> dict[str, Any]:
    """What makes `read_csv` parse numbers to the last bit; from pandas 3.1 on it always does."""
    major, minor = map(int, pandas_version.split(".")[:2])
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}
