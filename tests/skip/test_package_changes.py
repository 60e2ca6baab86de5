"""What changes in a package rebuilds what is made with it, and nothing else."""

from __future__ import annotations

from pathlib import Path

from skip_helpers import CSV, Place, place

FILES = {
    "../shared/project.yml": "name: shared\nversion: 1.0\n",
    "../shared/models/macros/text.sql": "{% macro shout(x) %}upper({{ x }}){% endmacro %}",
    "../shared/models/people.ff.sql": "select id, {{ shout('name') }} as name from {{ ref('raw_users') }}",
    "../shared/models/counted.ff.py": """\
        from fft_core import model
        from counting import count

        @model(deps=["people"])
        def counted(people):
            return people.head(count())
        """,
    "../shared/counting.py": "def count():\n    return 1\n",
    "packages.yml": "shared: ../shared\n",
    "seeds/raw_users.csv": CSV,
    "models/mart.ff.sql": "select max(name) as last from {{ ref('people') }}",
}


def shop(tmp_path: Path) -> Place:
    made = place(tmp_path / "shop", FILES)
    assert not made.build().failed
    assert made.due() == {}
    return made


def test_a_macro_of_a_package_that_is_edited_rebuilds_the_models_that_call_it(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.write({"../shared/models/macros/text.sql": "{% macro shout(x) %}lower({{ x }}){% endmacro %}"})
    assert made.due()["people"] == ["code_changed"]
    assert set(made.due()) == {"people", "mart", "counted"}
    made.write({"../shared/models/macros/text.sql": "{# said #}{% macro shout(x) %}upper({{ x }}){% endmacro %}"})
    assert made.due() == {}


def test_a_macro_of_the_project_that_takes_the_place_of_a_packages_rebuilds_them_too(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.write({"models/macros/mine.sql": "{% macro shout(x) %}reverse({{ x }}){% endmacro %}"})
    assert made.due()["people"] == ["code_changed"]


def test_a_module_of_a_package_that_is_edited_rebuilds_its_python_models(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.write({"../shared/counting.py": "def count():\n    return 2\n"})
    assert made.due() == {"counted": ["code_changed"]}
    assert not made.build().failed
    assert made.sql("select count(*) from counted") == [(2,)]


def test_a_package_that_moves_rebuilds_nothing(tmp_path: Path) -> None:
    made = shop(tmp_path)
    (tmp_path / "shared").rename(tmp_path / "elsewhere")
    made.write({"packages.yml": "shared: ../elsewhere\n"})
    assert made.due() == {}


def test_the_order_of_packages_counts(tmp_path: Path) -> None:
    """The same two files, in another order, give other rows."""
    files = {"packages.yml": "a: ../a\nb: ../b\n", "models/m.ff.sql": "select {{ which() }} as w"}
    for name in ("a", "b"):
        files[f"../{name}/project.yml"] = f"name: {name}\nversion: 1.0\n"
        files[f"../{name}/models/macros/m.sql"] = f"{{% macro which() %}}'{name}'{{% endmacro %}}"
    made = place(tmp_path / "shop", files)
    assert not made.build().failed
    made.write({"packages.yml": "b: ../b\na: ../a\n"})
    assert made.due() == {"m": ["code_changed"]}
