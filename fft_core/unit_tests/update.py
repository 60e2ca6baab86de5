"""Updates of expected rows in the files of unit tests, from the rows that were found; nothing else changes.

A file keeps its comments, its order and its style: only the cells, or rows, that differ are replaced in its text, at
the positions from YAML's parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import yaml

from fft_core.engines.protocol import Row
from fft_core.errors import FftError
from fft_core.json_files import write_text_file
from fft_core.names import model_name
from fft_core.project.model import Project
from fft_core.project.read.yaml_file import YamlFile, parse_yaml
from fft_core.unit_tests.compare import Mismatch
from fft_core.unit_tests.run import UnitTestResult
from fft_core.unit_tests.yaml_values import yaml_cell, yaml_row

_Change: TypeAlias = tuple[int, int, str]  # its start and end in the text, and the new text


@dataclass(frozen=True)
class Updated:
    """The outcome for a case: its file was updated, or `problem` gives the reason why not."""

    result: UnitTestResult
    problem: FftError | None = None


def update_expected(project: Project, results: Iterable[UnitTestResult]) -> Iterator[Updated]:
    """Write the rows that were found into the files of the failed cases. Cases with errors are skipped.

    Args:
        project: The project.
        results: The results of `run_unit_tests`, with files that have not changed since.

    Raises:
        ArtifactError: a file cannot be written.
    """
    for result in results:
        if result.status != "fail":
            continue
        path = project.root / result.test.location.path
        try:
            for name, mismatch in result.mismatches.items():
                change = partial(_updated, result=result, model=name, mismatch=mismatch)
                write_text_file(path, _as_written(path, change))  # read again: positions move with each change
        except UpdateRefusedError as error:
            yield Updated(result, error)
        else:
            yield Updated(result)


def _as_written(path: Path, change: Callable[[str], str]) -> str:
    """Change the text of a file, and keep its byte order mark and its line breaks."""
    text = path.read_bytes().decode("utf-8")
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    is_crlf = "\r\n" in text and "\n" not in text.replace("\r\n", "")
    text = text.removeprefix(mark)
    changed = change(text.replace("\r\n", "\n") if is_crlf else text)
    return mark + (changed.replace("\n", "\r\n") if is_crlf else changed)


class UpdateRefusedError(FftError):
    """The rows of a case cannot be updated in place."""

    default_code = "FFT-512"


def _updated(text: str, result: UnitTestResult, model: str, mismatch: Mismatch) -> str:
    """Return the text of a file with new rows in one expectation. Raises UpdateRefusedError."""
    case = _Case(text, result)
    if mismatch.unknown_columns:
        raise case.refused(f"{mismatch}: its rows cannot be updated")
    rows = case.rows_of(model)
    if result.test.expected[model].subset and not _left(rows, mismatch):
        raise case.refused("none of its rows was found, and with `subset: true` a case without rows always passes")
    changed = _with(text, _Rows(case, rows, mismatch).changes())
    if not _says(changed, text, case, rows, mismatch):
        raise case.refused("its rows cannot be updated in place: anchors and aliases may be shared with others")
    return changed


def _with(text: str, changes: Iterable[_Change]) -> str:
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _left(rows: yaml.SequenceNode, mismatch: Mismatch) -> int:
    """Return the number of expected rows after the update."""
    return len(rows.value) - len(mismatch.missing) + len(mismatch.unexpected)


def _says(changed: str, before: str, case: _Case, rows: yaml.SequenceNode, mismatch: Mismatch) -> bool:
    """Return whether a changed file differs only in the rows of one expectation, and has the right number of them."""
    one, other = (parse_yaml(text, Path("x"), keep_digits=True) for text in (before, changed))
    if not isinstance(one, YamlFile) or not isinstance(other, YamlFile):
        return False
    written = _taken(other.content, case.keys)
    wanted = _left(rows, mismatch)
    _taken(one.content, case.keys)
    return isinstance(written, list) and len(written) == wanted and repr(one.content) == repr(other.content)


def _taken(content: object, keys: Sequence[str | int]) -> object:
    """Remove and return the value at a place."""
    for key in keys[:-1]:
        content = content[key]  # type: ignore[index]  # the keys were found in it
    return content.pop(keys[-1])  # type: ignore[attr-defined]


class _Case:
    """The position of a case in the text of its file.

    Attributes:
        keys: The keys that lead to the rows, once they are found.
    """

    def __init__(self, text: str, result: UnitTestResult) -> None:
        self.text, self._result = text, result
        self.keys: tuple[str | int, ...] = ()
        top = yaml.compose(text, Loader=yaml.SafeLoader)
        cases = _value(top, "cases")
        assert isinstance(cases, yaml.SequenceNode)  # the project was read from it
        names = [_value(node, "name") for node in cases.value]
        texts = [name.value if isinstance(name, yaml.ScalarNode) else None for name in names]
        # lines above may have been added since, and a name can be a number
        lines = [name is not None and name.start_mark.line + 1 == result.test.location.line for name in names]
        self._index = texts.index(result.test.name) if result.test.name in texts else lines.index(True)
        self._node = cases.value[self._index]

    def refused(self, message: str) -> UpdateRefusedError:
        return UpdateRefusedError(message, where=self._result.test.location, hint="Change it by hand.")

    def rows_of(self, model: str) -> yaml.SequenceNode:
        """Return the expected rows of a model in the case. Raises UpdateRefusedError."""
        expect = _value(self._node, "expect")
        self.keys = ("cases", self._index, "expect", "rows")
        if isinstance(expect, yaml.SequenceNode):
            last = self._result.test.model
            found = [model_name(r.value) if (r := _value(n, "relation")) is not None else last for n in expect.value]
            if model not in found:
                raise self.refused(f"the case has no rows for {model!r}")
            self.keys = ("cases", self._index, "expect", found.index(model), "rows")
            expect = expect.value[found.index(model)]
        rows = _value(expect, "rows")
        if not isinstance(rows, yaml.SequenceNode):
            raise self.refused("its rows are those of the defaults, which other cases share")
        if not self._node.start_mark.index <= rows.start_mark.index < self._node.end_mark.index:
            raise self.refused("its rows are an alias of rows that are written elsewhere")
        return rows


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


@dataclass(frozen=True)
class _Rows:
    """The expected rows in the text, and their differences from the rows that were found."""

    case: _Case
    node: yaml.SequenceNode
    mismatch: Mismatch

    def changes(self) -> Iterator[_Change]:
        wrong = [*self.mismatch.missing, *(one.expected for one in self.mismatch.differing)]
        indices, count = self._indices(wrong), len(self.mismatch.missing)
        missing, differing = indices[:count], dict(zip(indices[count:], self.mismatch.differing, strict=True))
        is_block = not self.node.flow_style and self.node.value
        if not is_block and (missing or self.mismatch.unexpected):
            yield self._anew(missing, {index: self._row(one.found) for index, one in differing.items()})
            return
        for index, one in differing.items():
            yield from self._cells(self.node.value[index], one.found, one.columns)
        if is_block:
            yield from self._lines(missing)

    def _indices(self, rows: Sequence[Row]) -> list[int]:
        """Return the positions of rows among the written ones, by their values."""
        content = [repr(self._said(node)) for node in self.node.value]  # here, 1 is not True
        taken: list[int] = []
        for row in rows:
            index = next((i for i, said in enumerate(content) if i not in taken and said == repr(row)), None)
            if index is None:
                raise self.case.refused("its rows are not written one by one")
            taken.append(index)
        return taken

    def _said(self, node: yaml.Node) -> Row:
        indent = " " * node.start_mark.column
        parsed = parse_yaml(indent + self._text(node), Path("x"), keep_digits=True)
        row = parsed.content if isinstance(parsed, YamlFile) and isinstance(parsed.content, dict) else {}
        lower = {str(name).lower(): value for name, value in row.items()}
        return tuple(lower.get(name.lower()) for name in self.mismatch.columns)

    def _row(self, row: Row) -> str:
        return yaml_row(dict(zip(self.mismatch.columns, row, strict=True)))

    def _cells(self, node: yaml.Node, row: Row, columns: Sequence[str]) -> Iterator[_Change]:
        """Yield replacements for the cells of a row that differ; for the whole row, if it lacks such a cell."""
        assert isinstance(node, yaml.MappingNode)
        cells = {name.value.lower(): value for name, value in node.value}
        found = dict(zip(self.mismatch.columns, row, strict=True))
        if not all(name.lower() in cells for name in columns):
            yield self._span(node, self._row(row))
            return
        for name in columns:
            yield self._span(cells[name.lower()], yaml_cell(found[name]))

    def _span(self, node: yaml.Node, new: str) -> _Change:
        return node.start_mark.index, self._end_of(node), new

    def _end_of(self, node: yaml.Node) -> int:
        """Return the end of a value, without the comments behind it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end_of(last[1] if isinstance(last, tuple) else last)
        start = node.start_mark.index
        return start + len(self.case.text[start : node.end_mark.index].rstrip())

    def _anew(self, missing: Sequence[int], differing: Mapping[int, str]) -> _Change:
        """Rewrite a list in brackets."""
        texts = [differing.get(i) or self._text(node) for i, node in enumerate(self.node.value) if i not in missing]
        texts += map(self._row, self.mismatch.unexpected)
        return self._span(self.node, f"[{', '.join(texts)}]")

    def _text(self, node: yaml.Node) -> str:
        return self.case.text[node.start_mark.index : self._end_of(node)]

    def _lines(self, missing: Sequence[int]) -> Iterator[_Change]:
        """Yield changes of a list with one line for each row: removed lines, and new ones after the last."""
        last = self.node.value[-1]
        dash = self.case.text.rindex("-", 0, last.start_mark.index)
        indent = self.case.text[self.case.text.rfind("\n", 0, dash) + 1 : dash]
        added = [f"{indent}- {self._row(row)}" for row in self.mismatch.unexpected]
        if len(missing) == len(self.node.value):
            start = self._line_of(self.node.value[0])
            rows = "\n".join(added).lstrip() if added else "  []"  # more indented than its key
            yield start + len(indent), self._end(last), rows
            return
        end = self._end(last)
        if added:
            yield end, end, "".join(f"\n{line}" for line in added)
        for index in missing:
            begin = self._line_of(self.node.value[index])
            behind = self._end(self.node.value[index])
            # the last row includes the line break before it, so that new rows begin a line
            yield (begin - 1, behind, "") if index == len(self.node.value) - 1 else (begin, behind + 1, "")

    def _line_of(self, node: yaml.Node) -> int:
        """Return the start of the line with the dash of an item."""
        dash = self.case.text.rindex("-", 0, node.start_mark.index)
        return self.case.text.rfind("\n", 0, dash) + 1

    def _end(self, node: yaml.Node) -> int:
        """Return the end of the last line of an item, including a comment."""
        line = self.case.text.find("\n", self._end_of(node))
        return len(self.case.text) if line < 0 else line
