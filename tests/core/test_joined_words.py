"""Jinja takes the newline after a block tag: the error says so if words run together because of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import opened, write_project

from fft_core import FftError
from fft_core.build.fault import joined_lines

JOINED = "select 1 as id{% for c in ['name'] %}, 'x' as {{ c }}{% endfor %}\nfrom range(3)"


def test_the_error_says_why_two_words_are_one(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"models/w.ff.sql": JOINED, "models/v.ff.sql": "select (1\nfrom range(3)"})
    with opened(root) as shop:
        with pytest.raises(FftError, match="Jinja removes the newline after the block tag in line 1") as caught:
            shop.build("w")
        assert "runs into line 2: put a space before it" in str(caught.value)
        with pytest.raises(FftError) as other:
            shop.build("v")
        assert "Jinja" not in str(other.value)


@pytest.mark.parametrize(
    "text",
    [
        "select id\n  {% if true %}, name{% endif %}\n\nfrom x",
        "{% set a = 1 %}\nselect 1",
        "select 1{% if a %}\n, 2\n{% endif %}\nfrom t",
        "select 1 {% if a %} , 2 {% endif %}\nfrom t",
        "{% for a in b %}{% if c %}\nx{% endif %}{% endfor %}\n",
    ],
)
def test_what_keeps_its_words_apart(text: str) -> None:
    assert joined_lines(text) is None
