"""The place of an error in SQL: the lines of the rendered SQL around it, and the line of the user's file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fft_core.engines.spec.spelling import begin_of_query
from fft_core.errors import StatementError

LINES_AROUND = 2
COLUMNS_SHOWN = 200  # characters of a line
LONGEST_SQL = 3000


@dataclass(frozen=True)
class Fault:
    """A place in a rendered query; `line` counts from 1, `column` from 0."""

    sql: str
    line: int
    column: int

    @property
    def excerpt(self) -> str:
        """The lines around the place with their numbers, and a mark below the column.

        >>> print(Fault("select 1 as x,\\n  nothing", 2, 2).excerpt)
          1 | select 1 as x,
          2 |   nothing
            |   ^
        """
        lines = self.sql.split("\n")
        first, last = max(1, self.line - LINES_AROUND), min(len(lines), self.line + LINES_AROUND)
        width = max(3, len(str(last)))
        around, column = _cut(lines[self.line - 1], self.column)
        texts = [around if n == self.line else _cut(lines[n - 1], 0)[0] for n in range(first, last + 1)]
        shown = [f"{number:{width}} | {text}".rstrip() for number, text in enumerate(texts, start=first)]
        before = around[:column]
        mark = "".join("\t" if character == "\t" else " " for character in before)  # keeps the mark below the column
        shown.insert(self.line - first + 1, f"{'':{width}} | {mark}^")
        return "\n".join(shown)

    def line_in(self, text: str) -> int | None:
        """Return the number of the only line in a file that equals the line of the rendered SQL.

        Returns None if no line or more than one line is equal.
        """
        wanted = self.sql.split("\n")[self.line - 1].strip()
        found = [number for number, line in enumerate(text.splitlines(), start=1) if line.strip() == wanted]
        return found[0] if wanted and len(found) == 1 else None


# Text, a block tag, the newline that Jinja removes after the tag, and a word: text and word become one word.
_JOINED = re.compile(r"\S\{%\+?(?:(?!%\}).)*[^-+\s][ \t]*%\}\n(?=\w)")


def joined_lines(template: str) -> str | None:
    """Return advice about the first place where Jinja joins two lines, as it removes the newline after a block tag.

    Returns None if there is no such place.

    >>> joined_lines("select id{% if x %}, name{% endif %}\\nfrom t")
    'Jinja removes the newline after the block tag in line 1, so that its text runs into line 2: put a space before it.'
    >>> joined_lines("select id\\n{% if x %}\\n, name\\n{% endif %}\\nfrom t") is None
    True
    """
    for found in _JOINED.finditer(template):
        before = template[template.rfind("\n", 0, found.start()) + 1 : found.start() + 1]
        if before.strip() and not before.strip().endswith("%}"):
            line = template.count("\n", 0, found.start()) + 1
            return (
                f"Jinja removes the newline after the block tag in line {line}, so that its text runs into line "
                f"{line + 1}: put a space before it."
            )
    return None


def _cut(line: str, column: int) -> tuple[str, int]:
    """Return the part of a long line around a column, and the column's index in that part."""
    if len(line) <= COLUMNS_SHOWN:
        return line, column
    begin = max(0, column - COLUMNS_SHOWN // 2)
    end = begin + COLUMNS_SHOWN
    before, after = "..." if begin else "", "..." if end < len(line) else ""
    return before + line[begin:end] + after, column - begin + len(before)


def shortened(sql: str) -> str:
    """Return a statement; a long one is cut, with the number of characters that were left out.

    >>> shortened("select 1")
    'select 1'
    """
    left_out = len(sql) - LONGEST_SQL
    return sql if left_out <= 0 else f"{sql[:LONGEST_SQL]}... ({left_out:,} more characters)"


def fault_of(error: StatementError) -> Fault | None:
    """Return the place of an error in the query that was sent; None if the database does not report a position."""
    if error.position is None:
        return None
    begin = begin_of_query(error.sql)
    begin = begin if begin <= error.position else 0
    sql, position = error.sql[begin:], error.position - begin
    return Fault(sql, sql.count("\n", 0, position) + 1, position - sql.rfind("\n", 0, position) - 1)
