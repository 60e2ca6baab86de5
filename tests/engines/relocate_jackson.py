"""Put Jackson where the jar of Iceberg on PyPI looks for it: that jar is without the copy that it refers to."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

_FROM, _TO = b"com/fasterxml/jackson", b"org/apache/iceberg/shaded/com/fasterxml/jackson"
_TEXT = 1
_SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
_TWO_PLACES = (5, 6)


def relocate(jars: Path, target: Path) -> None:
    """Write a jar with Spark's own classes of Jackson, under the other name."""
    names = ("core", "annotations", "databind")
    found = [next(jars.glob(f"jackson-{name}-2.*.jar")) for name in names]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as made:
        for name, content in _classes(found):
            made.writestr(name, content)


def _classes(jars: Iterable[Path]) -> Iterable[tuple[str, bytes]]:
    seen = set[str]()
    for jar in jars:
        with zipfile.ZipFile(jar) as opened:
            for name in opened.namelist():
                if name.startswith(_FROM.decode()) and not name.endswith("/") and name not in seen:
                    seen.add(name)
                    content = opened.read(name)
                    is_class = name.endswith(".class")
                    yield f"org/apache/iceberg/shaded/{name}", _renamed(content) if is_class else content


def _renamed(content: bytes) -> bytes:
    """Change the names in the pool of constants of a class."""
    (count,) = struct.unpack(">H", content[8:10])
    made, at, place = bytearray(content[:10]), 10, 1
    while place < count:
        kind = content[at]
        if kind == _TEXT:
            (length,) = struct.unpack(">H", content[at + 1 : at + 3])
            text = content[at + 3 : at + 3 + length]
            text = text.replace(_FROM, _TO).replace(_FROM.replace(b"/", b"."), _TO.replace(b"/", b"."))
            made += bytes([_TEXT]) + struct.pack(">H", len(text)) + text
            at += 3 + length
        else:
            made += content[at : at + _SIZES[kind]]
            at += _SIZES[kind]
            place += kind in _TWO_PLACES
        place += 1
    return bytes(made + content[at:])
