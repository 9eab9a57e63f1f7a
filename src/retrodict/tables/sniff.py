"""What a text table looks like: its delimiter, its shape, and whether it has a header."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence

# In order of preference among delimiters that explain the rows equally well: a comma may be
# a decimal comma between semicolons, and blanks surround every other delimiter.
DELIMITERS = ("\t", ";", ",", " ")
_MISSING = {"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
# Runs of blanks are one delimiter, except inside quotes.
_BLANK_DELIMITED = re.compile(r'"((?:[^"]|"")*)"|(\S+)')
_SAMPLE = 200


def is_number(field: str) -> bool:
    """Whether `field` reads as a number (also `inf`; a missing value is not one)."""
    return _NUMBER.fullmatch(field.strip()) is not None


def all_numbers(fields: Sequence[str]) -> bool:
    """Whether `fields` are a row of data: numbers and missing values, and not only the latter."""
    numbers = [is_number(field) for field in fields]
    missing = [field.strip().lower() in _MISSING for field in fields]
    return any(numbers) and all(n or m for n, m in zip(numbers, missing, strict=True))


def split_rows(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """The fields of every row, one row at a time; a blank line is no row."""
    # A line of tabs is a row of missing values where tabs delimit.
    blanks = " " if delimiter == "\t" else None
    filled = (line for line in lines if line.strip(blanks))
    if not any('"' in line for line in lines):
        return (line.split(None if delimiter == " " else delimiter) for line in filled)
    if delimiter == " ":
        return (
            [quoted.replace('""', '"') or plain for quoted, plain in _BLANK_DELIMITED.findall(line)]
            for line in filled
        )
    return csv.reader(filled, delimiter=delimiter, skipinitialspace=True)


def sniff_delimiter(lines: Sequence[str]) -> str:
    """The delimiter under which most of the first rows have the same number of fields, above 1.

    Returns:
        One of tab, semicolon, comma and blank (standing for runs of any white space); a comma
        for a table of one column.
    """
    sample = lines[:_SAMPLE]
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        counts = Counter(len(fields) for fields in split_rows(sample, delimiter))
        num_fields, num_rows = counts.most_common(1)[0]
        share = num_rows / counts.total()
        if num_fields > 1 and share > best_share:
            best, best_share = delimiter, share
    return best
