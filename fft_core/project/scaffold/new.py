"""A new project that can be built at once: a seed, models in SQL and Python, checks, and a unit test."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from fft_core.engines.spec import EngineSpec
from fft_core.engines.spec.registry import default_engine, spec_of
from fft_core.errors import FftError

_FILES: Mapping[str, str] = {
    "project.yml": """\
name: NAME
version: "0.1.0"

# The values of var('...') in templates; `fft build --vars big_order=100` overrides it.
vars:
  big_order: 50

# Checks run before rows are published: rows that fail one of severity error are not.
tests:
  - {type: unique, table: customers, column: customer_id}
  - {type: relationships, table: orders, column: customer_id, to: customers, to_field: customer_id}
  - {type: greater_equal, table: orders, column: amount, threshold: 0}
""",
    "sources.yml": """\
version: 2
sources:
  - name: shop
    description: What the shop exports. Here the seeds fill it.
    tables:
      - {name: customers, identifier: raw_customers}
      - {name: orders, identifier: raw_orders}
""",
    "seeds/raw_customers.csv": """\
customer_id,name,country
1,Ada,at
2,Ben,de
3,Cleo,at
4,Dan,ch
""",
    "seeds/raw_orders.csv": """\
order_id,customer_id,ordered_on,amount
100,1,2026-01-03,20.5
101,1,2026-01-09,79.5
102,2,2026-01-11,12.0
103,3,2026-02-01,64.0
104,2,2026-02-02,8.0
""",
    "seeds/schema.yml": """\
columns:
  raw_orders:
    order_id: integer
    customer_id: integer
    ordered_on: date
    amount: double
""",
    "models/macros/text.sql": """\
{% macro country_code(column) %}upper(trim({{ column }})){% endmacro %}
""",
    "models/staging/customers.ff.sql": """\
{{ config(materialized='view') }}
select customer_id, name, {{ country_code('country') }} as country
from {{ source('shop', 'customers') }}
""",
    "models/staging/orders.ff.sql": """\
select order_id, customer_id, ordered_on, amount, amount >= {{ var('big_order') }} as is_big
from {{ source('shop', 'orders') }}
""",
    "models/marts/country_revenue.ff.sql": """\
{{ config(tags=['daily']) }}
select c.country, count(*) as orders, sum(o.amount) as revenue
from {{ ref('orders') }} as o
join {{ ref('customers') }} as c on c.customer_id = o.customer_id
group by c.country
""",
    "models/marts/best_customers.ff.py": '''\
import pandas as pd
from fft_core import model


@model(deps=["orders", "customers"], requires={"orders": {"amount"}}, tags=["daily"])
def best_customers(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers by the amount that they spent."""
    spent = orders.groupby("customer_id", as_index=False)["amount"].sum()
    return customers.merge(spent, on="customer_id").sort_values("amount", ascending=False)
''',
    "models/marts/marts.yml": """\
version: 2
models:
  - name: country_revenue
    description: What each country brings in.
    columns:
      - {name: country, description: Two letters., tests: [not_null, unique]}
      - {name: revenue, tests: [not_null]}
  - name: best_customers
    columns:
      - {name: customer_id, tests: [unique]}
""",
    "tests/unit/country_revenue.yml": """\
# `fft utest` builds the model from these rows, and compares.
model: country_revenue.ff
cases:
  - name: sums_by_country
    inputs:
      customers:
        rows:
          - {customer_id: 1, country: AT}
          - {customer_id: 2, country: DE}
      orders:
        rows:
          - {customer_id: 1, amount: 10}
          - {customer_id: 1, amount: 5}
          - {customer_id: 2, amount: 1}
    expect:
      order_by: [country]
      rows:
        - {country: AT, orders: 2, revenue: 15}
        - {country: DE, orders: 1, revenue: 1}
""",
    "definitions.py": '''\
"""The project as a Dagster code location: `dagster dev -f definitions.py`, or `fft dev`."""

from pathlib import Path

from fft_dagster import build_definitions

defs = build_definitions(Path(__file__).parent)
''',
    ".gitignore": """\
.fastflowtransform/
.local/
site/
.env.local
.env.*.local
__pycache__/
""",
    "README.md": """\
# TITLE

An FFT project: SQL and Python models, each of them a Dagster asset.

    fft build       build the models and seeds that have changed, and run their checks
    fft plan        list the models that a build would build, and why
    fft test        run all checks on the tables
    fft utest       run the unit tests of the models
    fft dev         open the Dagster UI

| folder | content |
|---|---|
| `seeds/` | CSV files that become tables |
| `models/staging/` | tables with cleaned rows of the sources |
| `models/marts/` | tables for reports |
| `models/macros/` | macros: pieces of SQL that models share |
| `tests/unit/` | unit tests of models: given rows, and the rows that must come out |

`project.yml` has variables and checks, `profiles.yml` the databases, `sources.yml` the tables that others fill.
""",
}


def new_project(folder: Path | str, engine: str | None = None) -> tuple[Path, ...]:
    """Write a new project; return the paths of its files. Existing files are never overwritten.

    Args:
        folder: The folder of the project; it may exist, and hold other files.
        engine: The engine of the profile; None: an engine that needs no server.

    Raises:
        EngineError: the engine is not installed.
        FftError: a file of the project exists already, or the folder is not writable; nothing is written then.
    """
    folder = Path(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise FftError(f"{folder} is a file, not a folder", hint="Name a new folder.", code="FFT-311")
    files = {
        Path(name): text for name, text in project_files(folder.name or "shop", engine or default_engine()).items()
    }
    in_the_way = [path for path in files if os.path.lexists(folder / path)]
    folders = dict.fromkeys(parent for path in files for parent in path.parents)
    in_the_way += [path for path in folders if (folder / path).exists() and not (folder / path).is_dir()]
    if in_the_way:
        names = ", ".join(map(str, in_the_way))
        hint = "Nothing was written. Name a new folder, or move these away."
        raise FftError(f"{folder} already has: {names}", hint=hint, code="FFT-311")
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise FftError(f"{folder} cannot be written to: {error.strerror or error}", code="FFT-711") from error
    return tuple(files)


def project_files(name: str, engine: str) -> dict[str, str]:
    """Return the texts of the files of a new project, by path."""
    files = {"project.yml": _FILES["project.yml"], "profiles.yml": _profiles(spec_of(engine)), **_FILES}
    files["project.yml"] = files["project.yml"].replace(
        "NAME", json.dumps(name, ensure_ascii=False)
    )  # JSON's quotes are YAML's
    files["README.md"] = files["README.md"].replace("TITLE", name)
    return files


def _profiles(spec: EngineSpec) -> str:
    """Return the profiles.yml that the engine provides, or a minimal one with variables for its required settings."""
    if spec.profiles:
        return spec.profiles
    required = {name: setting.variable for name, setting in spec.settings.items() if setting.required}
    keys = [f"    {name}: \"{{{{ env('{variable}') }}}}\"" for name, variable in required.items()]
    return "\n".join([f"dev:\n  engine: {spec.name}", *([f"  {spec.name}:", *keys] if keys else []), ""])
