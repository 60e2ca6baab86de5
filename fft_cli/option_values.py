"""Values made from the command line: frozen dataclasses whose fields declare their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_OPTION, _INCLUDED = "option", "included"
P = ParamSpec("P")
A = TypeVar("A", bound="DataclassInstance")
B = TypeVar("B", bound="DataclassInstance")
Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def read_by(parameter: Decorator) -> Mapping[str, Any]:  # Any: as in dataclasses.field
    """Declare the option or argument of click for a field of the same name.

    >>> import click
    >>> from dataclasses import dataclass, field
    >>> @dataclass(frozen=True)
    ... class Listing:
    ...     is_long: bool = field(default=False, metadata=option("--long", "is_long", is_flag=True))
    >>> called: list[Listing] = []
    >>> @click.command()
    ... @with_options(Listing)
    ... def command(listing: Listing) -> None:
    ...     called.append(listing)
    >>> command(["--long"], standalone_mode=False)
    >>> called
    [Listing(is_long=True)]
    """
    return {_OPTION: parameter}


def option(*names: str, **how: Any) -> Mapping[str, Any]:  # Any: as in click.option
    """Declare the option of click for a field: `read_by(click.option(...))`."""
    return read_by(click.option(*names, **how))


def included(kind: type[DataclassInstance]) -> Mapping[str, Any]:  # Any: as in dataclasses.field
    """Declare a field for a value of this kind, whose fields declare options themselves."""
    return {_INCLUDED: kind}


@overload
def with_options(first: type[A], /) -> Callable[[Callable[Concatenate[A, P], None]], Callable[P, None]]: ...
@overload
def with_options(
    first: type[A], second: type[B], /
) -> Callable[[Callable[Concatenate[A, B, P], None]], Callable[P, None]]: ...
def with_options(*kinds: type[DataclassInstance]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options of some values to a command, in the order of their fields, and call it with these values.

    The values are the first arguments, in the order of `kinds`; the command's own options follow, by name.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def call(*others: Any, **read: Any) -> None:  # Any: values that click has checked
            made = [_made(kind, read) for kind in kinds]
            command(*made, *others, **read)

        decorated: Callable[..., None] = call
        for read_here in reversed([one for kind in kinds for one in _options_of(kind)]):
            decorated = read_here(decorated)
        return decorated

    return decorate


def _options_of(kind: type[DataclassInstance]) -> Iterator[Decorator]:
    for part in _read_fields(kind):
        if _INCLUDED in part.metadata:
            yield from _options_of(part.metadata[_INCLUDED])
        else:
            yield part.metadata[_OPTION]


def _made(kind: type[A], read: dict[str, Any]) -> A:  # Any: as above
    """Make a value of the options that click has read, and remove them."""
    values = {}
    for part in _read_fields(kind):
        inner = part.metadata.get(_INCLUDED)
        values[part.name] = read.pop(part.name) if inner is None else _made(inner, read)
    return kind(**values)


def _read_fields(kind: type[DataclassInstance]) -> Iterator[Field[Any]]:  # Any: a field may have any type
    return (part for part in fields(kind) if _OPTION in part.metadata or _INCLUDED in part.metadata)
