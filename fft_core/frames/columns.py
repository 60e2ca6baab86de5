"""Messages about columns that a library cannot hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fft_core.errors import ModelError

if TYPE_CHECKING:
    import pyarrow as pa


def spelled(kind: pa.DataType) -> str:
    """Return the name of an Arrow type in the words of databases, if there are such words."""
    import pyarrow as pa

    types: Any = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        name = str(getattr(kind, "type_name", kind.extension_name))
        return name.removeprefix("arrow.")
    if types.is_interval(kind):
        return "interval"
    return "union" if types.is_union(kind) else str(kind)


def unreadable(library: str, field: pa.Field[Any], why: Exception | None = None) -> ModelError:
    """Return the error for a column whose type a library lacks."""
    because = f": {said(why)}" if why else ""
    return ModelError(
        f"the rows cannot be read as {library}: column {field.name!r} ({spelled(field.type)}){because}",
        hint=f"Cast it in SQL, for example cast({field.name} as varchar), or take the input as a pyarrow Table.",
        code="FFT-414",
    )


def said(error: Exception) -> str:
    """Return the message of a library's error in one line, with visible control characters."""
    first = error.args[0] if error.args else ""
    text = first if isinstance(first, str) and not isinstance(error, UnicodeError) else str(error)
    return (text.strip() or type(error).__name__).splitlines()[0].encode(errors="backslashreplace").decode()
