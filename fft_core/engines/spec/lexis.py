"""How a dialect of SQL writes text, names and comments. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lexis:
    """How a dialect writes text, names and comments. The default is that of standard SQL.

    Attributes:
        quotes: What text and quoted names begin and end with; a longer mark stands before its own beginning.
        escaping: Those of them in which a backslash takes the next character along.
        escaping_after: A letter in front of text that makes backslashes escape.
        raw_after: A letter in front of text that takes all meaning from backslashes.
        doubling: Whether a quote that is written twice does not end the text.
        dollars: A pattern of what quotes text with dollar signs.
        line_comments: What begins a comment that ends with its line.
        nested: Whether comments between /* and */ can hold further ones.
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
