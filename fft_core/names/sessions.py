"""The names of the columns that every table of sessions has, besides its key and its measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

ID, START, END, EVENTS, CLOSED, CLOSES = (
    "session_id", "session_start", "session_end", "events", "is_closed", "closes_at",
)  # fmt: skip
ADDED = (ID, START, END, EVENTS, CLOSED, CLOSES)


def is_reserved(name: str) -> bool:
    """Return whether FFT uses columns with such a name itself.

    >>> is_reserved("_ff_rank"), is_reserved("_FF_Offset"), is_reserved("rank")
    (True, True, False)
    """
    return name.lower().startswith("_ff_")


def reserved_names(named: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str, str]]:
    """Find the names in some settings that are reserved: the setting, the name, and a message.

    >>> list(reserved_names({"key": ["user_id", "_ff_user"]}))
    [('key', '_ff_user', "key: '_ff_user' begins with _ff_, as the columns of FFT do")]
    """
    for setting, names in named.items():
        for name in filter(is_reserved, names):
            yield setting, name, f"{setting}: {name!r} begins with _ff_, as the columns of FFT do"


def taken_key(key: Iterable[str]) -> str | None:
    """Return the reason why a key cannot name columns of sessions; None if it can.

    >>> taken_key(["user_id"]), taken_key(["Events"])
    (None, "the key 'Events' has the name of a column that sessions have")
    """
    taken = next((name for name in key if name.lower() in ADDED), None)
    return None if taken is None else f"the key {taken!r} has the name of a column that sessions have"


def taken_measures(key: Iterable[str], measures: Iterable[str]) -> dict[str, str]:
    """Return the reasons why measures cannot have their names, by name.

    >>> taken_measures(["user_id"], ["clicks", "Events", "Clicks"])
    {'Events': "a measure is called 'Events', as another column of the sessions is", 'Clicks': ...}
    """
    names, found = {name.lower() for name in (*key, *ADDED)}, dict[str, str]()
    for name in measures:
        if name.lower() in names:
            found[name] = f"a measure is called {name!r}, as another column of the sessions is"
        names.add(name.lower())
    return found
