"""Masking: secret values become `***`, in all encodings, in texts, exceptions and plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fft_core.errors import FftError, message_of

MASK = "***"
SHORTEST = 4  # characters; a shorter value is part of many unrelated texts
_CUT_FROM = 12  # a value of so many characters is masked even if only the greater half of it is there
_SHORTEST_PART = 8
_BREAK = r"(?:\\?\r?\n[ \t|│>]*)"


@dataclass(frozen=True)
class Masker:
    """A mask for some values; values that are too short are not masked."""

    values: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, values: Iterable[str]) -> Masker:
        """Return a mask for values; of a value with several lines, each line is masked, too."""
        pieces = {piece.strip() for value in values for piece in (value, *value.splitlines())}
        return cls(frozenset(piece for piece in pieces if len(piece) >= SHORTEST))

    def __call__(self, text: str) -> str:
        """Mask the values in a text.

        >>> Masker.of(["pa/ss"])("postgresql://me:pa%2Fss@localhost, 'pa/ss'")
        "postgresql://me:***@localhost, '***'"
        """
        if not self.values:
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        if "\n" in text:
            text = self._without_broken(text)
        for head, tail, value in self._long:
            if head in text or tail in text:
                text = _without_part(_without_part(text, value, len(head)), value[::-1], len(head), backwards=True)
        return text

    def plain(self, value: Any) -> Any:  # Any: any value that JSON can hold
        """Mask the texts in plain values, but no keys."""
        match value:
            case str():
                return self(value)
            case dict():
                return {key: self.plain(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.plain(inner) for inner in value]
        return value

    def error(self, error: BaseException) -> BaseException:
        """Return an exception with the same text without the values, also in its notes, causes and contexts.

        An error of FFT is changed. Any other is replaced by one with the same class name and traceback.
        """
        return self._error(error, {}) if self.values else error

    def _error(self, error: BaseException, seen: dict[int, BaseException]) -> BaseException:
        if id(error) in seen:  # a chain of exceptions can lead back to its beginning
            return seen[id(error)]
        seen[id(error)] = error
        cause = self._error(error.__cause__, seen) if error.__cause__ else None
        context = self._error(error.__context__, seen) if error.__context__ else None
        notes = [str(note) for note in getattr(error, "__notes__", ())]
        masked = self._without_text(error)
        if cause is not error.__cause__ or context is not error.__context__ or masked is not error:
            suppresses = error.__suppress_context__
            masked.__cause__, masked.__context__, masked.__suppress_context__ = cause, context, suppresses
        if notes:
            masked.__notes__ = list(map(self, notes))
        seen[id(error)] = masked
        return masked

    def _without_text(self, error: BaseException) -> BaseException:
        if isinstance(error, FftError):
            error.mask(self)
            return error
        inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        said = "; ".join([message_of(error), *(f"{type(one).__name__}: {message_of(one)}" for one in inner)])
        if self(said) == said:
            return error
        kind = type(error)
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        masked: BaseException = type(kind.__name__, (Exception,), names)(self(said))
        return masked.with_traceback(error.__traceback__)

    def begun(self, text: str) -> int:
        """Count the characters at the end of a text that may be the start of a value, whose rest is yet to come.

        >>> Masker.of(["hunter2"]).begun("the password is hunt"), Masker.of(["hunter2"]).begun("hello")
        (4, 0)
        """
        longest = min(len(text), self._longest - 1)
        return next((n for n in range(longest, 0, -1) if text[-n:] in self._beginnings), 0)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._forms), default=1)

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(form[:end] for form in self._forms for end in range(1, len(form)))

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        """The encoded forms of all values, longest first: a short value can be part of a long one."""
        from fft_core.engines.spec.encodings import encodings  # with its imports, for a secret only

        forms = {form for value in self.values for form in encodings(value, SHORTEST) if len(form) >= SHORTEST}
        return tuple(sorted(forms, key=lambda form: (-len(form), form)))

    @cached_property
    def _long(self) -> tuple[tuple[str, str, str], ...]:
        """Values that are masked even if a part was cut off, each with the parts by which it is found."""
        long = [value for value in sorted(self.values) if len(value) >= _CUT_FROM and "://" not in value]
        return tuple((value[: _half(value)], value[-_half(value) :], value) for value in long)

    def _without_broken(self, text: str) -> str:
        """Mask values with line breaks in them, as from a terminal or a library that wraps lines."""
        joined = re.sub(_BREAK, "", text)
        for form in self._forms:
            if len(form) >= 2 * SHORTEST and form in joined:
                text = re.sub(f"{_BREAK}?".join(map(re.escape, form)), MASK, text)
        return text


def _half(value: str) -> int:
    return max(_SHORTEST_PART, (len(value) + 1) // 2)


def _without_part(text: str, value: str, length: int, *, backwards: bool = False) -> str:
    """Mask parts of a value, from its start and of at least this length; with `backwards`, `value` is reversed."""
    text = text[::-1] if backwards else text
    start = text.find(value[:length])
    while start >= 0:
        end = start + length
        while end < len(text) and end - start < len(value) and text[end] == value[end - start]:
            end += 1
        text = f"{text[:start]}{MASK}{text[end:]}"
        start = text.find(value[:length], start + len(MASK))
    return text[::-1] if backwards else text
