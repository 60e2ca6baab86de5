"""The lexical rules of SQL dialects for text, names and comments. This module imports nothing of FFT."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lexis:
    """The lexical rules of a dialect for text, names and comments. The defaults are those of standard SQL.

    Attributes:
        quotes: The marks around text and quoted names. A mark stands before a shorter one with which it begins.
        escaping: The quotes in which a backslash escapes the next character.
        escaping_after: A letter in front of text in which backslashes escape.
        raw_after: A letter in front of text in which backslashes have no special meaning.
        doubling: Whether a quote that is written twice does not end the text.
        dollars: A pattern of the marks around dollar-quoted text.
        line_comments: The marks that begin a comment up to the end of the line.
        nested: Whether comments between /* and */ can contain further ones.
    """

    quotes: tuple[str, ...] = ("'", '"')
    escaping: frozenset[str] = frozenset()
    escaping_after: str = ""
    raw_after: str = ""
    doubling: bool = True
    dollars: str = ""
    line_comments: tuple[str, ...] = ("--",)
    nested: bool = False


DOLLAR_QUOTES = Lexis(escaping_after="e", dollars=r"\$(?:[^\W\d]\w*)?\$", nested=True)
