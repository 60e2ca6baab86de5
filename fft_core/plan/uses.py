"""Functions, types, operators and texts that mean the clock in a query, as its tokens show them.

Tokens, not the tree: the parser renames functions, and omits some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import TokenType
from sqlglot.tokens import Token  # type: ignore[attr-defined]

from fft_core.names.functions import KnownFunctions, key_of
from fft_core.plan.relations import on_one_level

_CAPITALS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class Uses:
    """The uses of a query beside relations, as `key_of` writes them.

    Attributes:
        changing: Calls that are known to change by themselves, as a reason names them.
        unknown: Functions that are not built into the engine.
        names: All names that users of the database can have defined, or defined again: functions, types, operators.
    """

    changing: tuple[str, ...]
    unknown: tuple[str, ...]
    names: tuple[str, ...]


def uses_of(tokens: list[Token], known: KnownFunctions) -> Uses:
    """Find the functions, types and operators that a query uses.

    Args:
        tokens: The tokens of the query.
        known: The functions of its engine.
    """
    changing, unknown, named = list[str](), list[str](), list[str]()
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.token_type in _TEXTS:
            if known.clock_words:
                changing += _clock_texts(tokens, index, known)
            continue
        if not _is_word(token):
            continue
        if known.quoted_names_keep_case:  # users can define types, and functions of rows
            named += _by_position(tokens, index, known)
        if after is not None and after.token_type is TokenType.L_PAREN:
            name, *qualified = _names(tokens, index, known)
            named += [key_of("function", written) for written in (name, *qualified)]
            if name in known.counts:
                if _count_arguments(tokens, index + 1) not in known.counts[name]:
                    changing.append(f"{name}()")
            elif name in known.changing:
                changing.append(f"{name}()")
            elif name not in known.steady and name not in known.syntax and name not in known.types:
                unknown += qualified or [name]
        elif _is_bare(token, before, after, known):
            changing.append(f"{token.text.lower()}()")
        elif token.text.lower() in known.columns and not _names_result(before):
            changing.append(f"{token.text.lower()}, which depends on how rows are stored")
        elif after is not None and after.token_type in _TEXTS:  # date '2020-01-01'
            named += _type_use(tokens, index, known)
            changing += _changing_type(token, known)
    for index in _in_type_positions(tokens):
        named += _type_use(tokens, index, known)
        changing += _changing_type(tokens[index], known)
    words = [token.text.lower() for token in tokens]
    if "tablesample" in words or ("using", "sample") in pairwise(words):
        changing.append("sampling")
    if known.clock_words and "uescape" in words:
        changing.append("a string with escapes")
    if known.quoted_names_keep_case:  # users can define operators
        named += [key_of("operator", symbol) for symbol in _operators(tokens)]
    return Uses(_once(changing), _once(unknown), _once(named))


def _once(found: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


_TEXTS = frozenset(
    {
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BYTE_STRING,
    }
)
_NOT_WORDS = _TEXTS | {TokenType.NUMBER, TokenType.BIT_STRING, TokenType.HEX_STRING, TokenType.PARAMETER}


def _is_word(token: Token) -> bool:
    text = token.text
    if token.token_type in _NOT_WORDS or not text:
        return False
    return token.token_type is TokenType.IDENTIFIER or ((text[0].isalpha() or text[0] == "_") and " " not in text)


def _name(token: Token, known: KnownFunctions) -> str:
    is_exact = known.quoted_names_keep_case and token.token_type is TokenType.IDENTIFIER
    return token.text if is_exact else token.text.translate(_CAPITALS)


def _is_bare(token: Token, before: Token | None, after: Token | None, known: KnownFunctions) -> bool:
    if token.text.lower() not in known.bare or token.token_type is TokenType.IDENTIFIER:
        return False
    is_part = before is not None and before.token_type is TokenType.DOT
    is_whole = after is not None and after.token_type is TokenType.DOT
    return not is_part and not is_whole and not _names_result(before)


def _names_result(before: Token | None) -> bool:
    return before is not None and before.token_type is TokenType.ALIAS


def _count_arguments(tokens: list[Token], opening: int) -> int:
    inside = list(on_one_level(tokens, opening + 1))
    if tokens[opening + 1].token_type is TokenType.R_PAREN:
        return 0
    return 1 + sum(token.token_type is TokenType.COMMA for token in inside)


def _names(tokens: list[Token], index: int, known: KnownFunctions) -> list[str]:
    """Return the name at a position, and the name with the schema before it."""
    name = _name(tokens[index], known)
    if index < 2 or tokens[index - 1].token_type is not TokenType.DOT or not _is_word(tokens[index - 2]):
        return [name]
    return [name, f"{_name(tokens[index - 2], known)}.{name}"]


def _type_use(tokens: list[Token], index: int, known: KnownFunctions) -> list[str]:
    name, *qualified = _names(tokens, index, known)
    plain = [] if name in known.types or name in known.syntax else [name]
    return [key_of("type", written) for written in (*plain, *qualified)]


def _by_position(tokens: list[Token], index: int, known: KnownFunctions) -> Iterator[str]:
    """Yield the meanings of a word by its position: `x.years` may be years(x); after a word it may be a type."""
    if index and tokens[index - 1].token_type is TokenType.DOT:
        yield key_of("field", _name(tokens[index], known))
    start = index
    while start > 1 and tokens[start - 1].token_type is TokenType.DOT and _is_word(tokens[start - 2]):
        start -= 2
    if start and _is_word(tokens[start - 1]):  # as in json_to_record(...) as t(a mood)
        yield from _type_use(tokens, index, known)


def _changing_type(token: Token, known: KnownFunctions) -> list[str]:
    name = token.text.lower()
    return [f"the type {name}"] if name in known.changing_types else []


def _in_type_positions(tokens: list[Token]) -> Iterator[int]:
    """Yield the positions of words after `::`, and after AS in a cast, including those in their parentheses."""
    for index, token in enumerate(tokens):
        if token.token_type is TokenType.DCOLON:
            yield from _type_at(tokens, index + 1)
        elif token.token_type is TokenType.L_PAREN and index and tokens[index - 1].text.lower() in _CASTS:
            inside = list(on_one_level(tokens, index + 1))
            kinds = [t.token_type for t in inside]
            if TokenType.ALIAS in kinds:
                last = inside[len(kinds) - 1 - kinds[::-1].index(TokenType.ALIAS)]
                start = next(i for i in range(index, len(tokens)) if tokens[i] is last) + 1
                yield from _words_until_closing(tokens, start)


_CASTS = frozenset({"cast", "try_cast"})


def _type_at(tokens: list[Token], start: int) -> Iterator[int]:
    index = start
    while index < len(tokens) and _is_word(tokens[index]):
        yield index
        index += 1
        if index < len(tokens) and tokens[index].token_type is TokenType.DOT:
            index += 1
        else:
            break
    if index < len(tokens) and tokens[index].token_type is TokenType.L_PAREN:
        yield from _words_until_closing(tokens, index + 1)


def _words_until_closing(tokens: list[Token], start: int) -> Iterator[int]:
    depth = 0
    for index, token in enumerate(tokens[start:], start):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth < 0:
            return
        if _is_word(token):
            yield index


def _clock_texts(tokens: list[Token], index: int, known: KnownFunctions) -> list[str]:
    if index and tokens[index - 1].token_type in _TEXTS:
        return []  # continues the literal before it
    pieces = []
    for token in tokens[index:]:
        if token.token_type not in _TEXTS:
            break
        pieces.append(_unescaped(token.text))
    text = "".join(pieces)
    for part in (text, *_parts_of_text(text)):
        words = {word.lower() for word in re.findall(r"[A-Za-z]+", part)}
        if words & known.clock_words and words <= known.clock_words | known.date_words:
            return [f"the text {part.strip()!r}, which means the current time as a date or time"]
    return []


_QUOTED = re.compile(r'\\*"((?:[^"\\]|\\[^"\\])*)(?=\\*")')
_BETWEEN_TAGS = re.compile(r">([^<>]*)<")
_SEPARATORS = re.compile(r"[,;|\t\r\n](?! )")  # a comma of a sentence has a space after it
_BRACKETS = re.compile(r"[{}\[\](),:]")


def _parts_of_text(text: str) -> Iterator[str]:
    """Yield the values that a literal of JSON, XML, CSV, an array or a row may hold."""
    yield from _QUOTED.findall(text)
    yield from _BETWEEN_TAGS.findall(text)
    if text.strip()[:1] in ("{", "[", "("):
        yield from _BRACKETS.split(re.sub(r'\\*"[^"]*"', "", text))
    else:
        yield from _SEPARATORS.split(text)


_ESCAPES = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4})|([0-7]{1,3}))"
)


def _unescaped(text: str) -> str:
    """Return a literal with its escapes resolved, whether or not it is of the kind that has escapes."""

    def character(found: re.Match[str]) -> str:
        *hexadecimal, octal = found.groups()
        digits = next((d for d in hexadecimal if d), None)
        number = int(digits, 16) if digits else int(octal, 8)
        return chr(number) if number < 0x110000 else ""

    return re.sub(r"\\[bfnrt]", " ", _ESCAPES.sub(character, text)) if "\\" in text else text


_SYMBOLS = frozenset("+-*/<>=~!@#%^&|`?")
# Words and signs that stand for operators with another name.
_OPERATOR_WORDS = {
    "like": ("~~", "!~~"),
    "ilike": ("~~*", "!~~*"),
    "in": ("=", "<>"),
    "between": (">=", "<="),
    "distinct": ("=",),
    "using": ("=",),
    "natural": ("=",),
}


def _operators(tokens: list[Token]) -> Iterator[str]:
    """Yield the operators in a query: each run of signs and its parts, since the engine decides how to split it."""
    run, end = "", -1
    for token in tokens:
        is_symbol = token.token_type not in _NOT_WORDS and set(token.text) <= _SYMBOLS and bool(token.text)
        if is_symbol and token.start == end + 1:
            run += token.text
        else:
            yield from _parts(run)
            run = token.text if is_symbol else ""
        end = token.end
        yield from _OPERATOR_WORDS.get(token.text.lower(), ())
    yield from _parts(run)


def _parts(run: str) -> Iterator[str]:
    if len(run) > 8:
        yield run
        return
    for start in range(len(run)):
        for end in range(start + 1, len(run) + 1):
            yield run[start:end]
