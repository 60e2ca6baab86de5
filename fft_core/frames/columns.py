"""How a column that a library cannot hold is named for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fft_core.errors import ModelError

if TYPE_CHECKING:
    import pyarrow as pa


def spelled(kind: pa.DataType) -> str:
    """Name an Arrow type in the words of databases, where those are known."""
    import pyarrow as pa

    types: Any = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        name = str(getattr(kind, "type_name", kind.extension_name))
        return name.removeprefix("arrow.")
    if types.is_interval(kind):
        return "interval"
    return "union" if types.is_union(kind) else str(kind)


def unreadable(library: str, field: pa.Field[Any], why: Exception | None = None) -> ModelError:
    """Make the error for a column that a library has no type for."""
    because = f": {said(why)}" if why else ""
    return ModelError(
        f"the rows cannot be read as {library}: column {field.name!r} ({spelled(field.type)}){because}",
        hint=f"Cast it in SQL, for example cast({field.name} as varchar), or take the input as a pyarrow Table.",
    )


def said(error: Exception) -> str:
    """Return what a library says of an error in one line, which can be printed everywhere."""
    first = error.args[0] if error.args else ""
    text = first if isinstance(first, str) and not isinstance(error, UnicodeError) else str(error)
    return (text.strip() or type(error).__name__).splitlines()[0].encode(errors="backslashreplace").decode()
