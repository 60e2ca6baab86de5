"""The names of the columns that every table of sessions has, besides its key and its measures."""

from __future__ import annotations

from collections.abc import Iterable

ID, START, END, EVENTS, CLOSED, CLOSES = (
    "session_id", "session_start", "session_end", "events", "is_closed", "closes_at",
)  # fmt: skip
ADDED = (ID, START, END, EVENTS, CLOSED, CLOSES)


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
