"""Writes clicks as a web site would: one line for each, some twice, some late, some broken."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

BEGIN = datetime(2026, 3, 1, 8)
PAGES = ("/", "/search", "/product", "/cart", "/checkout")


def clicks(number: int, seed: int = 0) -> Iterator[str]:
    """Make lines: a click of a hundredth comes twice, one of a hundredth late, one of two hundred is cut short."""
    chance, late = random.Random(seed), list[str]()
    for count in range(number):
        at = BEGIN + timedelta(seconds=count * 20 + chance.randrange(20))
        page = chance.choices(PAGES, (30, 30, 25, 10, 5))[0]
        click = {
            "event_id": f"{seed}-{count}",
            "user_id": count // 200 * 7 + chance.randrange(40),
            "ts": at.isoformat() + "Z",
            "page": page,
            "amount": round(chance.uniform(5, 200), 2) if page == "/checkout" else 0,
        }
        line, kind = json.dumps(click), chance.randrange(200)
        if kind in (1, 2):
            late.append(line)
            continue
        yield line[:-9] if kind == 0 else line
        if kind in (3, 4):
            yield line
        if late and chance.random() < 0.05:
            yield late.pop()
    yield from late


def main(folder: Path, number: int) -> None:
    """Write clicks into the files of a folder, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, size = list(clicks(number)), -(-number // 4)
    for part in range(4):
        text = "".join(f"{line}\n" for line in lines[part * size : (part + 1) * size] or [])
        if part == 3:
            text += "".join(f"{line}\n" for line in lines[4 * size :])
        (folder / f"part-{part}.jsonl").open("w").write(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
