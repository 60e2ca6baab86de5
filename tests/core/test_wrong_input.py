"""Wrong input: one clear error with file:line and a hint, all problems at once, and nothing changed in the database."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from written_projects import Files, loaded, opened, problems, write_project

from fft_core import FftError, ProfileError, ProjectError, load_project, open_warehouse
from fft_core.errors import ConnectError, MissingRelationError, StatementError
from fft_core.project.profile.profiles import load_environment, load_profile
from fft_core.run.turn import build_seed

ONE = {"models/one.ff.sql": "select 1 as x"}
ONE_KEY = "\n    hint: Put both under one key, or remove one: YAML keeps only the last."
TWO_LINES = "name: shop\nversion: '1'\n"


def python_model(body: str) -> str:
    return f"import pandas as pd\nfrom fft_core import model\n\n{body}\n"


NO_ROWS_OF_A_FUNCTION = (
    "models/one.ff.py:5: a Python model cannot be '{}' [FFT-107]\n    hint: A Python function returns its rows: use "
    "'table' or 'view'."
)


CASES: Mapping[str, tuple[Files, str]] = {
    "an argument that only the decorator has": (
        {**ONE, "models/two.ff.py": python_model("@model(dep=['one'])\ndef two(): ...")},
        "models/two.ff.py:5: @model(): unknown key 'dep' [FFT-101]\n    hint: Did you mean 'deps'?",
    ),
    "unknown ref": (
        {"models/customers.ff.sql": "select 1", "models/orders.ff.sql": "select *\nfrom {{ ref('custmers') }}"},
        "models/orders.ff.sql:2: ref('custmers') is not a model or seed [FFT-110]\n    hint: Did you mean 'customers'?",
    ),
    "missing seed": (
        {"models/totals.ff.sql": "select * from {{ ref('seed_orders') }}"},
        (
            "models/totals.ff.sql:1: ref('seed_orders') is not a model or seed [FFT-110]\n"
            "    hint: If it is a seed, its file is missing: seeds/seed_orders.csv."
        ),
    ),
    "unknown source": (
        {"sources.yml": "crm: {users: {}}\n", "models/users.ff.sql": "\nselect * from {{ source('crm', 'user') }}"},
        (
            "models/users.ff.sql:2: source('crm', 'user') is not in sources.yml [FFT-112]\n    hint: Did you mean "
            "'crm.users'?"
        ),
    ),
    "no sources at all": (
        {"models/users.ff.sql": "select * from {{ source('crm', 'users') }}"},
        (
            "models/users.ff.sql:1: source('crm', 'users') is not in sources.yml [FFT-112]\n    hint: Declare it in "
            "sources.yml."
        ),
    ),
    "cycle": (
        {f"models/{a}.ff.sql": f"select * from {{{{ ref('{b}') }}}}" for a, b in ("ab", "bc", "ca")},
        (
            "models/a.ff.sql:1: cycle: a -> b -> c -> a [FFT-111]\n    hint: A model cannot depend on itself, "
            "directly or "
            "through other models."
        ),
    ),
    "a model that reads itself": (
        {"models/a.ff.sql": "select * from {{ ref('a') }}"},
        (
            "models/a.ff.sql:1: cycle: a -> a [FFT-111]\n    hint: A model cannot depend on itself, directly or "
            "through other "
            "models."
        ),
    ),
    "cycle through a check": (
        {
            **ONE,
            "models/two.ff.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('one') }}",
            "tests/mentions.ff.sql": "{{ config(type='mentions') }} select * from {{ ref('two') }}",
            "project.yml": f"{TWO_LINES}tests:\n  - {{type: mentions, table: one}}\n",
        },
        (
            "models/one.ff.sql:1: cycle through checks: one -> two -> one [FFT-111]\n"
            "    hint: A check waits for the tables that it reads: put it on the table that is built later."
        ),
    ),
    "two models of one name": (
        {"models/a/users.ff.sql": "select 1", "models/b.ff.py": python_model("@model(name='users')\ndef b(): ...")},
        (
            "models/b.ff.py:5: model 'users' is also in models/a/users.ff.sql:1 [FFT-120]\n"
            "    hint: Names are unique in a project, in any case; users.ff.sql and @model(name='users') are the same."
        ),
    ),
    "two models whose names differ in case": (
        {"models/a/Users.ff.sql": "select 1", "models/b/users.ff.sql": "select 2"},
        (
            "models/b/users.ff.sql:1: model 'users' is also in models/a/Users.ff.sql:1 [FFT-120]\n"
            "    hint: Names are unique in a project, in any case; users.ff.sql and @model(name='users') are the same."
        ),
    ),
    "a model with the name of a seed": (
        {"models/users.ff.sql": "select 1", "seeds/Users.csv": "id\n1\n"},
        (
            "models/users.ff.sql:1: model 'users' has the name of a seed (seeds/Users.csv) [FFT-120]\n"
            "    hint: Rename one of them: both would be the same table."
        ),
    ),
    "two seeds of one name": (
        {**ONE, "seeds/a/users.csv": "id\n1\n", "seeds/b/users.csv": "id\n1\n"},
        (
            "seeds/b/users.csv: seed 'users' is also in seeds/a/users.csv [FFT-120]\n"
            "    hint: Name the table of one of them in seeds/schema.yml: targets: {b/users: {table: ...}}."
        ),
    ),
    "a seed that cannot be a table": (
        {**ONE, "seeds/my users.csv": "id\n1\n"},
        (
            "seeds/my users.csv: 'my users' cannot be the name of a seed [FFT-121]\n"
            "    hint: Name its table in seeds/schema.yml: targets: {my users: {table: my_users}}."
        ),
    ),
    "a model name that cannot be a table": (
        {"models/2 users.ff.sql": "select 1"},
        (
            "models/2 users.ff.sql: '2 users.ff' cannot be the name of a model [FFT-121]\n"
            "    hint: Use letters, digits and underscores, not starting with a digit."
        ),
    ),
    "an entry for a seed that does not exist": (
        {
            **ONE,
            "seeds/users.csv": "id\n1\n",
            "seeds/schema.yml": "targets:\n  user: {schema: raw}\ncolumns:\n  orders: {id: integer}\n",
        },
        (
            "seeds/schema.yml:2: seeds/ has no seed 'user' [FFT-160]\n    hint: Did you mean 'users'?\n"
            "seeds/schema.yml:4: seeds/ has no seed 'orders' [FFT-160]\n    hint: Add the file, or remove the entry."
        ),
    ),
    "invalid YAML": (
        {**ONE, "sources.yml": "crm:\n  users: {identifier: x\n  orders: {}\n"},
        "sources.yml:3: invalid YAML: did not find expected ',' or '}' [FFT-104]",
    ),
    "a tab in YAML": (
        {**ONE, "sources.yml": "crm:\n\tusers: {}\n"},
        "sources.yml:2: invalid YAML: found character that cannot start any token [FFT-104]",
    ),
    "YAML that is not a mapping": (
        {**ONE, "project.yml": "- name: shop\n"},
        "project.yml:1: the file must be a mapping [FFT-106]",
    ),
    "two lists of tests of a model": (
        {
            **ONE,
            "models/schema.yml": (
                "version: 2\nmodels:\n  - name: one\n    tests:\n      - unique: {column: a}\n    columns: []\n"
                "    'tests':\n      - not_null: {column: a}\n"
            ),
        },
        f"models/schema.yml:7: invalid YAML: duplicate key 'tests', first on line 4 [FFT-104]{ONE_KEY}",
    ),
    "a key that is the same number twice": (
        {**ONE, "sources.yml": "crm:\n  1: {}\n  0x1: {}\n"},
        f"sources.yml:3: invalid YAML: duplicate key '0x1', first on line 2 [FFT-104]{ONE_KEY}",
    ),
    "a number in a list of names in config()": (
        {
            **ONE,
            "models/one.ff.sql": "{{ config(materialized='incremental', unique_key=['id', 3]) }}\nselect 1 as id\n",
        },
        "models/one.ff.sql:1: config(): unique_key.1 must be text [FFT-106]\n    hint: Put it in quotes.",
    ),
    "YAML that contains itself": (
        {**ONE, "sources.yml": "crm: &crm {users: *crm}\n"},
        "sources.yml: invalid YAML: an anchor contains itself [FFT-104]",
    ),
    "settings of a test that are not a mapping": (
        {**ONE, "models/schema.yml": "version: 2\nmodels:\n  - name: one\n    tests:\n      - unique: {config: 3}\n"},
        (
            "models/schema.yml:5: missing key 'column' in models.0.tests.0 [FFT-105]\n"
            "models/schema.yml:5: unknown key 'config' in models.0.tests.0 [FFT-101]\n"
            "    hint: Known keys: table, name, severity, where, tags, description, scope, meta, warn_if, error_if, "
            "store_failures, type, column"
        ),
    ),
    "meta of a model that is not a mapping": (
        {"models/one.ff.py": python_model("@model(meta=3)\ndef one(): ...")},
        (
            "models/one.ff.py:5: meta must be a mapping [FFT-142]\n"
            "    hint: As in meta={'materialized': 'table', 'tags': ['daily']}."
        ),
    ),
    "project.yml without a name": (
        {**ONE, "project.yml": "# nothing\nversion: '1'\n"},
        "project.yml:2: missing key 'name' [FFT-105]",
    ),
    "an empty project.yml": (
        {**ONE, "project.yml": ""},
        "project.yml: missing key 'name' [FFT-105]\nproject.yml: missing key 'version' [FFT-105]",
    ),
    "unknown key in project.yml": (
        {**ONE, "project.yml": f"{TWO_LINES}docs:\n  dag_dirs: x\nvar: {{}}\n"},
        (
            "project.yml:4: unknown key 'dag_dirs' in docs [FFT-101]\n    hint: Did you mean 'dag_dir'?\n"
            "project.yml:5: unknown key 'var' in the file [FFT-101]\n    hint: Did you mean 'vars'?"
        ),
    ),
    "unknown type of test": (
        {**ONE, "project.yml": f"{TWO_LINES}tests:\n  - {{type: not_nul, table: one, column: x}}\n"},
        "project.yml:4: unknown type 'not_nul' [FFT-151]\n    hint: Did you mean 'not_null'?",
    ),
    "unknown key in a test": (
        {**ONE, "project.yml": f"{TWO_LINES}tests:\n  - type: not_null\n    table: one\n    colum: x\n"},
        (
            "project.yml:4: missing key 'column' in tests.0 [FFT-105]\n"
            "project.yml:6: unknown key 'colum' in tests.0 [FFT-101]\n    hint: Did you mean 'column'?"
        ),
    ),
    "a test without its type": (
        {**ONE, "project.yml": f"{TWO_LINES}tests:\n  - {{table: one, column: x}}\n"},
        "project.yml:4: missing key 'type' in tests.0 [FFT-105]",
    ),
    "a test without its table": (
        {**ONE, "project.yml": f"{TWO_LINES}tests:\n  - {{type: not_null, column: x}}\n"},
        "project.yml:4: missing key 'table' in tests.0 [FFT-105]",
    ),
    "a test that is a word": (
        {**ONE, "project.yml": f"{TWO_LINES}tests:\n  - not_null\n"},
        "project.yml:4: tests.0 must be a mapping [FFT-150]",
    ),
    "a wrong value in a test": (
        {
            **ONE,
            "project.yml": f"{TWO_LINES}tests:\n"
            "  - {type: row_count_between, table: one, min_rows: 9, max_rows: 3}\n"
            "  - {type: greater_equal, table: one, column: x,\n     threshold: many}\n"
            "  - {type: not_null, table: one, column: x, severity: fatal}\n"
            "  - {type: accepted_values, table: one, column: x, values: []}\n",
        },
        (
            "project.yml:4: tests.0: max_rows (3) is below min_rows (9) [FFT-150]\n"
            "project.yml:6: tests.1.threshold: Input should be a valid number, unable to parse string as a "
            "number [FFT-150]\n"
            "project.yml:7: tests.2.severity: unknown value 'fatal' [FFT-150]\n    hint: Known: error, warn\n"
            "project.yml:8: tests.3.values: List should have at least 1 item after validation, not 0 [FFT-150]"
        ),
    ),
    "numbers in tests that are none": (
        {
            **ONE,
            "project.yml": f"{TWO_LINES}tests:\n"
            "  - {type: greater_equal, table: one, column: x, threshold: .nan}\n"
            "  - {type: greater_equal, table: one, column: x, threshold: -.inf}\n"
            "  - {type: greater_equal, table: one, column: x, threshold: yes}\n"
            "  - {type: row_count_between, table: one, min_rows: true}\n"
            "  - {type: freshness, table: one, column: x, max_delay_minutes: .inf}\n",
        },
        (
            "project.yml:4: tests.0.threshold: must be a finite number, not .nan or .inf [FFT-150]\n"
            "project.yml:5: tests.1.threshold: must be a finite number, not .nan or .inf [FFT-150]\n"
            "project.yml:6: tests.2.threshold: true is not a number (YAML reads yes and no as true and false) "
            "[FFT-150]\n"
            "project.yml:7: tests.3.min_rows: true is not a number (YAML reads yes and no as true and false) "
            "[FFT-150]\n"
            "project.yml:8: tests.4.max_delay_minutes: Input should be less than or equal to 1000000000 [FFT-150]"
        ),
    ),
    "text that YAML reads as something else": (
        {**ONE, "packages.yml": "packages: [{name: shared, git: 'file:///x', rev: 1234567890}]\n"},
        (
            "packages.yml:1: packages.0.rev must be text, but YAML reads it as another type [FFT-106]\n    hint: "
            "Put it in quotes."
        ),
    ),
    "values that no column has": (
        {
            **ONE,
            "project.yml": f"{TWO_LINES}tests:\n"
            "  - {type: accepted_values, table: one, column: x, values: [a, null]}\n"
            "  - {type: accepted_values, table: one, column: x, values: [[1]]}\n",
        },
        (
            "project.yml:4: tests.0.values: null cannot be listed: NULL passes anyway; a check of type not_null "
            "forbids it [FFT-150]\n"
            "project.yml:5: tests.1.values: [1] is not a plain value; write it as a text [FFT-150]"
        ),
    ),
    "a test of an unknown table": (
        {**ONE, "project.yml": f"{TWO_LINES}tests:\n  - {{type: not_null, table: onne, column: x}}\n"},
        "project.yml:4: 'onne' is not a model, seed or source [FFT-113]\n    hint: Did you mean 'one'?",
    ),
    "a test of an ephemeral model": (
        {
            "models/one.ff.sql": "{{ config(materialized='ephemeral') }} select 1 as x",
            "project.yml": f"{TWO_LINES}tests:\n  - {{type: not_null, table: one, column: x}}\n",
        },
        (
            "project.yml:4: 'one' is ephemeral: it has no rows to check [FFT-150]\n"
            "    hint: Check the model that inlines it, or make it a view."
        ),
    ),
    "relationships to an unknown table": (
        {
            **ONE,
            "project.yml": f"{TWO_LINES}tests:\n  - {{type: relationships, table: one, column: x, to: ref('tow')}}\n",
        },
        "project.yml:4: to: \"ref('tow')\" is not a model, seed or source [FFT-113]",
    ),
    "unknown model in a schema file": (
        {**ONE, "models/schema.yml": "version: 2\nmodels:\n  - name: oone\n    columns: []\n"},
        "models/schema.yml:3: 'oone' is not a model or seed [FFT-113]\n    hint: Did you mean 'one'?",
    ),
    "unknown test in a schema file": (
        {
            **ONE,
            "models/schema.yml": "version: 2\nmodels:\n  - name: one\n    columns:\n      - name: x\n        tests:\n"
            "          - uniqe\n          - accepted_values: {valeus: [1]}\n          - accepted_values: 3\n",
        },
        (
            "models/schema.yml:7: unknown type 'uniqe' [FFT-151]\n    hint: Did you mean 'unique'?\n"
            "models/schema.yml:8: missing key 'values' in models.0.columns.0.tests.1 [FFT-105]\n"
            "models/schema.yml:8: unknown key 'valeus' in models.0.columns.0.tests.1 [FFT-101]\n"
            "    hint: Did you mean 'values'?\n"
            "models/schema.yml:9: models.0.columns.0.tests.2 must be a mapping [FFT-150]"
        ),
    ),
    "sources in the new form without version": (
        {**ONE, "sources.yml": "sources:\n  - name: crm\n    tables: [{name: users}]\n"},
        "sources.yml:1: missing key 'version' [FFT-105]",
    ),
    "unknown key in sources.yml": (
        {
            **ONE,
            "sources.yml": "version: 2\nsources:\n  - name: crm\n    tables:\n"
            "      - name: users\n        identifer: x\n",
        },
        "sources.yml:6: unknown key 'identifer' in sources.0.tables.0 [FFT-101]\n    hint: Did you mean 'identifier'?",
    ),
    "unknown key in the old form of sources.yml": (
        {**ONE, "sources.yml": "crm:\n  users:\n    identifer: x\n"},
        "sources.yml:3: unknown key 'identifer' in crm.users [FFT-101]\n    hint: Did you mean 'identifier'?",
    ),
    "a source twice": (
        {
            **ONE,
            "sources.yml": "version: 2\nsources:\n  - name: crm\n    tables:\n"
            "      - name: users\n      - name: users\n",
        },
        "sources.yml:6: source crm.users is declared twice [FFT-120]",
    ),
    "unknown key in config": (
        {"models/one.ff.sql": "\n{{ config(materialised='table') }} select 1"},
        "models/one.ff.sql:2: config(): unknown key 'materialised' [FFT-101]\n    hint: Did you mean 'materialized'?",
    ),
    "unknown materialization": (
        {"models/one.ff.sql": "{{ config(materialized='tabel') }} select 1"},
        (
            "models/one.ff.sql:1: config(): materialized: unknown value 'tabel' [FFT-106]\n    hint: Did you "
            "mean 'table'?"
        ),
    ),
    "config that is not literal": (
        {"models/one.ff.sql": "{{ config(tags=[var('tag')]) }} select 1"},
        (
            "models/one.ff.sql:1: config(tags=...) must be a literal [FFT-131]\n"
            "    hint: The settings of a model are read before it is rendered; "
            "set the rest in a profile or project.yml."
        ),
    ),
    "owners that Dagster does not take": (
        {"models/one.ff.sql": "{{ config(owners=['bob', 'ann@example.com', 'team:core']) }} select 1"},
        (
            "models/one.ff.sql:1: config(): owners.0: 'bob' is not an owner; write an e-mail address, or team:name "
            "[FFT-106]"
        ),
    ),
    "a reference that is not literal": (
        {**ONE, "models/two.ff.sql": "select *\nfrom {{ ref(var('which')) }}\njoin {{ source('crm') }}"},
        (
            "models/two.ff.sql:2: ref() takes one name, as literal text [FFT-131]\n"
            "    hint: The graph is read without rendering. To choose by a variable, write each name out: "
            "{'a': ref('a'), 'b': ref('b')}[var('which')].\n"
            "models/two.ff.sql:3: source() takes a group and a table, as literal text [FFT-131]\n"
            "    hint: The graph is read without rendering. To choose by a variable, write each name out: "
            "{'a': ref('a'), 'b': ref('b')}[var('which')]."
        ),
    ),
    "template syntax error": (
        {"models/one.ff.sql": "select 1\n{% if %}"},
        "models/one.ff.sql:2: template error: Expected an expression, got 'end of statement block' [FFT-130]",
    ),
    "template syntax error in a macro": (
        {**ONE, "models/macros/m.sql": "\n{% macro m( %}"},
        "models/macros/m.sql:2: template error: expected token 'name', got '%' [FFT-130]",
    ),
    "python syntax error": (
        {"models/one.ff.py": "from fft_core import model\n\ndef one(:\n"},
        "models/one.ff.py:3: invalid Python: invalid syntax [FFT-140]",
    ),
    "python file without a model": (
        {"models/one.ff.py": "def one(): ...\n"},
        (
            "models/one.ff.py: no model in this file [FFT-141]\n"
            "    hint: Decorate a function with @model (from fft_core import model),"
            " or rename the file: *.ff.py are models."
        ),
    ),
    "an empty python file": (
        {"models/one.ff.py": ""},
        (
            "models/one.ff.py: no model in this file [FFT-141]\n"
            "    hint: Decorate a function with @model (from fft_core import model),"
            " or rename the file: *.ff.py are models."
        ),
    ),
    "wrong number of parameters": (
        {**ONE, "models/two.ff.py": python_model("@model(deps=['one'])\ndef two(a, b): ...")},
        (
            "models/two.ff.py:5: two() has 2 parameter(s) (a, b) for 1 dep(s) [FFT-142]\n"
            "    hint: One parameter for each dep, in their order; or one parameter, which receives a dict of "
            "all frames."
        ),
    ),
    "too few parameters": (
        {**ONE, "models/two.ff.py": python_model("@model(deps=['one'])\ndef two(): ...")},
        (
            "models/two.ff.py:5: two() has 0 parameter(s) (none) for 1 dep(s) [FFT-142]\n"
            "    hint: One parameter for each dep, in their order; or one parameter, which receives a dict of "
            "all frames."
        ),
    ),
    "deps that are not names": (
        {**ONE, "models/two.ff.py": python_model("@model(deps=[1])\ndef two(): ...")},
        (
            "models/two.ff.py:5: deps must be a list of names [FFT-142]\n    hint: As in deps=['users.ff', "
            "source('crm', 'orders')]."
        ),
    ),
    "deps that are computed": (
        {**ONE, "models/two.ff.py": python_model("@model(deps=sorted(['one']))\ndef two(): ...")},
        (
            "models/two.ff.py:5: two() has 0 parameter(s) (none) for 1 dep(s) [FFT-142]\n"
            "    hint: One parameter for each dep, in their order; or one parameter, which receives a dict of "
            "all frames."
        ),
    ),
    "unknown dep": (
        {**ONE, "models/two.ff.py": python_model("@model(deps=['onne'])\ndef two(a): ...")},
        "models/two.ff.py:5: ref('onne') is not a model or seed [FFT-110]\n    hint: Did you mean 'one'?",
    ),
    "require beside requires": (
        {
            **ONE,
            "models/two.ff.py": python_model("@model(deps=['one'], require=['x'], requires=['x'])\ndef two(a): ..."),
        },
        "models/two.ff.py:5: require and requires are the same argument [FFT-107]\n    hint: Use requires only.",
    ),
    "requires of something that is not read": (
        {**ONE, "models/two.ff.py": python_model("@model(deps=['one'], requires={'on': ['x']})\ndef two(a): ...")},
        "models/two.ff.py:5: requires names 'on', which is not in deps [FFT-142]\n    hint: deps: one",
    ),
    "unknown argument of the decorator": (
        {"models/one.ff.py": python_model("@model(tag=['x'])\ndef one(): ...")},
        (
            "models/one.ff.py:5: @model(): unknown key 'tag' [FFT-101]\n    hint: Did you mean 'tags' or 'storage' "
            "or 'op_tags'?"
        ),
    ),
    "a python model as a materialized view": (
        {"models/one.ff.py": python_model("@model(materialized='materialized_view')\ndef one(): ...")},
        NO_ROWS_OF_A_FUNCTION.format("materialized_view"),
    ),
    "settings in project.yml that would be ignored": (
        {"project.yml": "name: p\nversion: '1'\nmodels:\n  increment: {one: {unique_key: id}}\n"},
        (
            "project.yml:4: models: 'increment' is not a folder or name of models/ [FFT-113]\n    hint: Did you mean "
            "'incremental'?"
        ),
    ),
    "an ephemeral python model": (
        {"models/one.ff.py": python_model("@model(materialized='ephemeral')\ndef one(): ...")},
        NO_ROWS_OF_A_FUNCTION.format("ephemeral"),
    ),
    "a file that is not UTF-8": (
        {"models/one.ff.sql": b"select '\xe9' as x"},
        "models/one.ff.sql: not UTF-8 text: invalid continuation byte at byte 8 [FFT-103]",
    ),
    "no profiles": (
        {**ONE, "profiles.yml": ""},
        "profiles.yml: profile 'dev' does not exist [FFT-202]\n    hint: Name one with --env: the file has none.",
    ),
    "unknown profile": (
        {**ONE, "profiles.yml": "dve: {engine: duckdb}\nprod: {engine: duckdb}\n"},
        "profiles.yml: profile 'dev' does not exist [FFT-202]\n    hint: Did you mean 'dve'?",
    ),
    "unknown engine": (
        {**ONE, "profiles.yml": "dev:\n  engine: duckbd\n"},
        (
            "profiles.yml:2: unknown engine 'duckbd' [FFT-203]\n"
            "    hint: Did you mean 'duckdb'? "
            "Engines: bigquery, databricks_spark, duckdb, postgres, snowflake_snowpark."
        ),
    ),
    "a profile without engine": (
        {**ONE, "profiles.yml": "dev:\n  duckdb: {path: x.duckdb}\n"},
        (
            "profiles.yml:1: profile 'dev' has no engine [FFT-203]\n"
            "    hint: Engines: bigquery, databricks_spark, duckdb, postgres, snowflake_snowpark."
        ),
    ),
    "a profile that is not a mapping": (
        {**ONE, "profiles.yml": "dev: duckdb\n"},
        "profiles.yml:1: profile 'dev' must be a mapping [FFT-106]",
    ),
    "settings that are not a mapping": (
        {**ONE, "profiles.yml": "dev:\n  engine: duckdb\n  duckdb: x.duckdb\n"},
        "profiles.yml:3: dev.duckdb must be a mapping [FFT-106]",
    ),
    "unknown key in a profile": (
        {**ONE, "profiles.yml": "dev:\n  engine: duckdb\n  dukdb: {}\n"},
        "profiles.yml:3: unknown key 'dukdb' in dev [FFT-101]\n    hint: Did you mean 'duckdb'?",
    ),
    "unknown setting in a profile": (
        {**ONE, "profiles.yml": "dev:\n  engine: duckdb\n  duckdb:\n    pth: x.duckdb\n"},
        "profiles.yml:4: unknown key 'pth' in dev.duckdb [FFT-101]\n    hint: Did you mean 'path'?",
    ),
    "missing environment variable": (
        {**ONE, "profiles.yml": "dev:\n  engine: duckdb\n  duckdb:\n    path: \"{{ env('SHOP_DB') }}\"\n"},
        (
            "profiles.yml:4: environment variable SHOP_DB is not set and has no default [FFT-204]\n"
            "    hint: Set SHOP_DB (in the environment or a .env file), or write env('SHOP_DB', 'default')."
        ),
    ),
    "missing environment variable without quotes": (
        {**ONE, "profiles.yml": "dev:\n  engine: duckdb\n  duckdb:\n    path: {{ env('SHOP_DB') }}\n"},
        (
            "profiles.yml:4: environment variable SHOP_DB is not set and has no default [FFT-204]\n"
            "    hint: Set SHOP_DB (in the environment or a .env file), or write env('SHOP_DB', 'default')."
        ),
    ),
    "template error in profiles.yml": (
        {**ONE, "profiles.yml": "dev:\n  engine: {{ engin }}\n"},
        "profiles.yml:2: template error: 'engin' is undefined [FFT-200]",
    ),
    "wrong call in profiles.yml": (
        {**ONE, "profiles.yml": "dev:\n  engine: {{ env() }}\n"},
        "profiles.yml:2: template error: env() missing 1 required positional argument: 'name' [FFT-200]",
    ),
    "profiles.yml that is not UTF-8": (
        {**ONE, "profiles.yml": b"dev: \xe9\n"},
        "profiles.yml: not UTF-8 text: invalid continuation byte at byte 5 [FFT-103]",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_project_that_does_not_load_says_where_and_what_to_do(case: str, tmp_path: Path) -> None:
    files, message = CASES[case]
    assert "\n".join(problems(tmp_path, files)) == message
    assert not list(tmp_path.glob("*.duckdb"))


def test_all_problems_are_reported_together_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    filler = "--\n" * 8
    files = {
        "project.yml": f"{TWO_LINES}tests: [{{type: nope, table: one}}]\n",
        "profiles.yml": "prod: {engine: duckdb}\n",
        "sources.yml": "crm: {users: {schem: x}}\n",
        "models/a.ff.sql": f"select * from {{{{ ref('b') }}}}\n{filler}join {{{{ ref('c') }}}}",
        "models/b.ff.py": "def b(:",
        "models/schema.yml": "version: 3\n",
    }
    assert [problem.splitlines()[0].partition(": ")[0] for problem in problems(tmp_path, files)] == [
        "models/a.ff.sql:1",
        "models/a.ff.sql:10",
        "models/b.ff.py:1",
        "models/schema.yml:1",
        "profiles.yml",
        "project.yml:3",
        "sources.yml:1",
    ]


def test_a_file_that_cannot_be_read_hides_no_other_problem(tmp_path: Path) -> None:
    found = problems(tmp_path, {"models/one.ff.sql": b"\xff", "models/two.ff.sql": "{{ ref('three') }}"})
    assert [problem.partition(": ")[0] for problem in found] == ["models/one.ff.sql", "models/two.ff.sql:1"]


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"{tmp_path.resolve()}/nowhere: this is not an FFT project: project.yml is missing [FFT-102]\n"
        "    hint: Name the folder that holds project.yml, as in: fft build path/to/project"
    )


def test_a_folder_inside_of_a_project(tmp_path: Path) -> None:
    write_project(tmp_path, ONE)
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path / "models")
    assert str(caught.value).endswith(
        f"\n    hint: Name the folder that holds project.yml, as in: fft build {tmp_path.resolve()}"
    )


def test_no_profiles_and_no_engine(tmp_path: Path) -> None:
    write_project(tmp_path, ONE)
    (tmp_path / "profiles.yml").unlink()
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path, environment={})
    assert (
        str(caught.value) == "profiles.yml: the file does not exist [FFT-201]\n"
        "    hint: Create it: `fft init DIR` writes a new project, whose profiles.yml you can copy. Or set FF_ENGINE."
    )


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    write_project(tmp_path, ONE)
    with pytest.raises(ProfileError) as caught:
        load_profile(tmp_path, "dev", {"FF_DUCKDB_THREADS": "many"})
    assert str(caught.value) == ("environment variable FF_DUCKDB_THREADS must be a whole number, not 'many' [FFT-205]")


# What shows only when it is built: the database stays as it was.


def build_error(folder: Path, files: Files, *built_before: str, build: str = "two") -> FftError:
    """Build a model that fails beside rows that are published; give the error after looking that nothing changed."""
    old = {"models/kept.ff.sql": "select 'kept' as x", "models/one.ff.sql": "select 1 as x"}
    with opened(folder, {**old, **files}) as shop:
        shop.build("kept", *built_before)
        shop.rows(f"create table {build} as select 'old' as x")
        before = shop.relations()
        with pytest.raises(FftError) as caught:
            shop.build(build)
        assert shop.relations() == before
        assert shop.rows(f"select * from {build}") == [("old",)]
        shop.build("kept")  # the session is still good
    return caught.value


BUILD_CASES: Mapping[str, tuple[Files, str]] = {
    "several statements": (
        {"models/two.ff.sql": "select 1 as x;\ndrop table kept;"},
        (
            "models/two.ff.sql: a model must be one statement; this has 2: the second is 'drop table kept ...' "
            "[FFT-403]\n"
            "    hint: A model is one SELECT; make a model of each statement."
        ),
    ),
    "no statement": (
        {"models/two.ff.sql": "-- nothing\n;"},
        "models/two.ff.sql: a model must be one statement; this has none [FFT-403]\n    hint: Write a SELECT.",
    ),
    "an empty file": (
        {"models/two.ff.sql": ""},
        "models/two.ff.sql: a model must be one statement; this has none [FFT-403]\n    hint: Write a SELECT.",
    ),
    "not a query": (
        {"models/two.ff.sql": "drop table kept"},
        (
            "models/two.ff.sql: a model must be a query; this is 'drop table kept ...' [FFT-403]\n"
            "    hint: Write a SELECT or WITH: FFT creates the table or view from it."
        ),
    ),
    "a query that is none": (
        {"models/two.ff.sql": "create table two as drop table kept"},
        (
            "models/two.ff.sql: a model must be a query; this is 'create table two as ...' [FFT-403]\n"
            "    hint: Write a SELECT or WITH: FFT creates the table or view from it."
        ),
    ),
    "open quote": (
        {"models/two.ff.sql": "select 'x"},
        "models/two.ff.sql: invalid SQL: ",
    ),
    "an undefined name": (
        {"models/two.ff.sql": "select 1\n, {{ nobody }}"},
        "models/two.ff.sql:2: template error: 'nobody' is undefined [FFT-402]",
    ),
    "a misspelled word of ours": (
        {"models/two.ff.sql": "select * from {{ sorce('crm', 'users') }}"},
        "models/two.ff.sql:1: template error: 'sorce' is undefined [FFT-402]\n    hint: Did you mean 'source'?",
    ),
    "an error in a macro": (
        {
            "models/macros/m.sql": "\n{% macro m(x) %}\n{{ x.y.z }}{% endmacro %}",
            "models/two.ff.sql": "select {{ m(1) }}",
        },
        "models/macros/m.sql:3: template error: 'int object' has no attribute 'y' [FFT-402]",
    ),
    "an error in an expression": (
        {"models/two.ff.sql": "select\n{{ 1 / 0 }}"},
        "models/two.ff.sql:2: template error: ZeroDivisionError: division by zero [FFT-401]",
    ),
    "a reference that is hidden from the loader": (
        {"models/two.ff.sql": "{% set r = ref %}select * from {{ r('one') }}"},
        (
            "models/two.ff.sql:1: ref('one') does not appear literally in two.ff.sql [FFT-131]\n"
            "    hint: FFT cannot find the names that a macro passes to ref(): pass the result of ref() to the "
            "macro instead."
        ),
    ),
    "the engine's SQL error": (
        {"models/two.ff.sql": "select 1 as x,\n  nothing as y"},
        (
            "models/two.ff.sql:2: model 'two': Binder Error: Referenced column \"nothing\" was not found "
            "because the FROM clause is missing [FFT-601]\n"
            "    In the rendered SQL, line 2:\n"
            "        1 | select 1 as x,\n        2 |   nothing as y\n          |   ^"
        ),
    ),
    "a table that does not exist": (
        {"models/two.ff.sql": "select *\nfrom {{ ref('one') }}"},
        (
            "models/two.ff.sql:2: model 'two' reads warehouse.main.one, which does not exist [FFT-420]\n"
            "    hint: Build the model 'one' first."
        ),
    ),
    "a table behind an ephemeral model that does not exist": (
        {
            "models/eph.ff.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('one') }}",
            "models/two.ff.sql": "select * from {{ ref('eph') }} as eph",
        },
        (
            "models/two.ff.sql:1: model 'two' reads warehouse.main.one, which does not exist [FFT-420]\n"
            "    hint: Build the model 'one' first."
        ),
    ),
    "a source that does not exist": (
        {"models/two.ff.sql": "select * from {{ source('crm', 'users') }}", "sources.yml": "crm:\n  users: {}\n"},
        (
            "models/two.ff.sql:1: model 'two' reads warehouse.main.users, which does not exist [FFT-420]\n"
            "    hint: The source crm.users (sources.yml:2) must be loaded first."
        ),
    ),
    "a seed that does not exist": (
        {"models/two.ff.sql": "select * from {{ ref('users') }}", "seeds/users.csv": "id\n1\n"},
        (
            "models/two.ff.sql:1: model 'two' reads warehouse.main.users, which does not exist [FFT-420]\n"
            "    hint: Build the seed 'users' first."
        ),
    ),
    "a python model whose input does not exist": (
        {"models/two.ff.py": python_model("@model(deps=['one'])\ndef two(df): return df")},
        (
            "models/two.ff.py:5: model 'two' reads warehouse.main.one, which does not exist [FFT-420]\n"
            "    hint: Build the model 'one' first."
        ),
    ),
    "a python model that returns no frame": (
        {"models/two.ff.py": python_model("@model\ndef two(): return [1]")},
        (
            "models/two.ff.py:5: two: a model must return a frame, not list [FFT-410]\n"
            "    hint: Return a pandas or Polars DataFrame, a pyarrow Table, or any frame that Arrow can read."
        ),
    ),
    "a python model that returns nothing": (
        {"models/two.ff.py": python_model("@model\ndef two(): pass")},
        (
            "models/two.ff.py:5: two: a model must return a frame, not NoneType [FFT-410]\n"
            "    hint: Return a pandas or Polars DataFrame, a pyarrow Table, or any frame that Arrow can read."
        ),
    ),
    "a python model whose frame has no columns": (
        {"models/two.ff.py": python_model("@model\ndef two(): return pd.DataFrame()")},
        (
            "models/two.ff.py:5: two: the frame has no columns [FFT-413]\n    hint: Name the columns, even if the "
            "frame is empty."
        ),
    ),
    "a column of mixed types": (
        {"models/two.ff.py": python_model("@model\ndef two(): return pd.DataFrame({'x': [1, 'a']})")},
        "models/two.ff.py:5: two: the frame cannot be stored: ",
    ),
    "a check of a column that does not exist": (
        {
            "models/two.ff.sql": "select 1 as amount",
            "project.yml": f"{TWO_LINES}tests:\n  - {{type: not_null, table: two, column: amuont}}\n",
        },
        (
            "project.yml:4: check not_null_amuont names the column 'amuont', which two does not have [FFT-502]\n"
            "    hint: Did you mean 'amount'?"
        ),
    ),
    "a where that cannot be evaluated": (
        {
            "models/two.ff.sql": "select 1 as x",
            "project.yml": f"{TWO_LINES}tests:\n  - {{type: not_null, table: two, column: x, where: y > 1}}\n",
        },
        "project.yml:4: check not_null_x of two cannot be evaluated: Binder Error: ",
    ),
    "a value of another type beside the SQL of a user": (
        {
            "models/two.ff.sql": "select 1 as x",
            "project.yml": f"{TWO_LINES}tests:\n"
            "  - {type: not_null, table: two, column: x}\n"
            "  - {type: accepted_values, table: two, column: x, values: [a, b]}\n"
            "  - {type: expression, table: two, expression: x > 0}\n",
        },
        "project.yml:5: check accepted_values_x or expression of two cannot be evaluated: Conversion Error: ",
    ),
    "a relationships check to a table that does not exist": (
        {
            "models/two.ff.sql": "select 1 as x",
            "project.yml": f"{TWO_LINES}tests:\n"
            "  - {type: relationships, table: two, column: x, to: one, field: x}\n",
        },
        "project.yml:4: check relationships_x of two cannot be evaluated: Catalog Error: Table with name one does not",
    ),
}


@pytest.mark.parametrize("case", BUILD_CASES)
def test_a_build_that_fails_says_where_and_changes_nothing(case: str, tmp_path: Path) -> None:
    files, message = BUILD_CASES[case]
    error = build_error(tmp_path, files)
    assert str(error).startswith(message) if message.endswith((": ", "!", " not")) else str(error) == message
    assert error.exit_code == 1
    assert not error.can_retry


def test_an_sql_error_without_a_place_shows_the_sql_as_it_was_sent(tmp_path: Path) -> None:
    error = build_error(tmp_path, {"models/two.ff.sql": "select error('no')\nfrom {{ ref('one') }}"}, "one")
    assert isinstance(error, StatementError)
    query = ["select error('no')", 'from "warehouse"."main"."one"']
    sent = ['create or replace table "warehouse"."main"."two" as', *query]
    assert "\n      ".join(["The SQL as sent:", *sent]) in str(error)
    assert error.sql.endswith('from "warehouse"."main"."one"')


def test_a_table_that_no_ref_names_is_the_engines_own_error(tmp_path: Path) -> None:
    error = build_error(tmp_path, {"models/two.ff.sql": "select * from nowhere"})
    assert not isinstance(error, MissingRelationError)
    assert "Table with name nowhere does not exist" in str(error)


UNREADABLE: Mapping[str, tuple[Files, str]] = {
    "a line with too many fields": (
        {"seeds/two.csv": "a,b\n1,2\n1,2,3,4\n"},
        "seeds/two.csv:3: the line has 4 fields, and the header has 2 [FFT-421]",
    ),
    "a line with too few fields": (
        {"seeds/two.csv": "a,b\n1,2\n3\n"},
        "seeds/two.csv:3: the line has 1 field, and the header has 2 [FFT-421]",
    ),
    "a value that is not of its type": (
        {"seeds/two.csv": "a\n1\nx\n", "seeds/schema.yml": "columns: {two: {a: integer}}\n"},
        (
            "seeds/two.csv:3: column 'a': 'x' is not a whole number from -9223372036854775808 to "
            "9223372036854775807 [FFT-422]\n"
            "    hint: Correct it, or declare another type in seeds/schema.yml; `string` accepts every text."
        ),
    ),
    "a type of a column that does not exist": (
        {"seeds/two.csv": "a\n1\n", "seeds/schema.yml": "columns: {two: {b: integer}}\n"},
        (
            "seeds/two.csv: seeds/schema.yml gives column 'b' a type, but the file has no such column [FFT-160]\n"
            "    hint: Its columns: a."
        ),
    ),
    "a file that is no Parquet": (
        {"seeds/two.parquet": b"no parquet at all"},
        "seeds/two.parquet: the file cannot be read as Parquet: Parquet magic bytes not found in footer",
    ),
    "a file of several statements": (
        {"seeds/two.sql": "select 1 as x; select 2 as x"},
        "seeds/two.sql: a model must be one statement; this has 2",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_seed_that_cannot_be_read(case: str, tmp_path: Path) -> None:
    files, message = UNREADABLE[case]
    assert str(build_error(tmp_path, files)).startswith(message)


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("this is not a database, but a text that is long enough to be one" * 99)
    (tmp_path / "file").touch()
    for path, said in {"text.duckdb": "not a valid DuckDB database file", "file/x.duckdb": "File exists"}.items():
        profiles = f"dev: {{engine: duckdb, duckdb: {{path: {path}}}}}\n"
        with pytest.raises(ConnectError) as caught, opened(tmp_path, {**ONE, "profiles.yml": profiles}):
            pass
        assert str(caught.value).startswith(f"cannot open {tmp_path.resolve() / path}: ")
        assert said in str(caught.value)


def test_loading_reports_a_profile_and_a_project_problem_in_one_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        loaded(tmp_path, {"profiles.yml": "", "models/one.ff.sql": "{{ ref('x') }}"})
    assert len(caught.value.problems) == 2


def test_two_profiles_of_one_name_are_one_problem(tmp_path: Path) -> None:
    one = "dev:\n  engine: duckdb\n  duckdb: {path: %s}\n"
    write_project(tmp_path, {**ONE, "profiles.yml": (one + one) % ("a.db", "b.db")})
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path, environment={})
    assert str(caught.value) == f"profiles.yml:4: invalid YAML: duplicate key 'dev', first on line 1 [FFT-104]{ONE_KEY}"


def test_a_line_of_an_env_file_that_is_none_is_skipped_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_project(tmp_path, {".env": "COLOR=red\nSIZE: big\nif true; then\nWIDTH=1\n"})
    environment = load_environment(tmp_path, "dev", {})
    assert environment == {"COLOR": "red", "WIDTH": "1"}
    assert [line.getMessage() for line in caplog.records] == [
        ".env:2: not KEY=VALUE; the line is skipped",
        ".env:3: not KEY=VALUE; the line is skipped",
    ]


def test_an_env_file_that_is_no_text(tmp_path: Path) -> None:
    write_project(tmp_path, {".env": b"\xff\n", "models/a.ff.sql": "select 1 as id"})
    with pytest.raises(ProfileError, match=r"^.env: cannot be read: it is not UTF-8 text"):
        load_project(tmp_path, "dev")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="Windows has other permissions")
@pytest.mark.parametrize("folder", ["models/hidden", "seeds"])
def test_a_folder_that_may_not_be_read(folder: str) -> None:
    """A model that cannot be seen is not one that does not exist."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        write_project(root, {"models/hidden/a.ff.sql": "select 1 as id", "seeds/s.csv": "id\n1\n"})
        load_project(root, "dev", environment={})
        root.chmod(0o755)
        (root / folder).chmod(0)
        user = os.geteuid()
        os.seteuid(user or pwd.getpwnam("nobody").pw_uid)  # root may read everything
        try:
            with pytest.raises(ProjectError, match=f"^{folder}: cannot be read: Permission denied"):
                load_project(root, "dev", environment={})
        finally:
            os.seteuid(user)
            (root / folder).chmod(0o755)


@pytest.mark.parametrize(("text", "said"), [("", "no header"), ("id,ID\n1,2\n", "has the column 'ID' twice")])
def test_a_seed_without_usable_header(tmp_path: Path, text: str, said: str) -> None:
    project = loaded(tmp_path, {"seeds/s.csv": text})
    with open_warehouse(project) as warehouse, pytest.raises(FftError, match=rf"^seeds/s.csv(:1)?: .*{said}"):
        build_seed(warehouse, project.seeds["s"])


def test_sources_that_cannot_be_read_are_not_missing_too(tmp_path: Path) -> None:
    files = {
        "sources.yml": "crm: {users: {identifer: x}}\n",
        "models/a.ff.sql": "select * from {{ source('crm', 'users') }}",
    }
    (said,) = problems(tmp_path, files)
    assert said.startswith("sources.yml:1: unknown key 'identifer'")


def test_a_type_of_a_seed_that_there_is_not(tmp_path: Path) -> None:
    files = {"seeds/s.csv": "id\n1\n", "seeds/schema.yml": "columns: {s: {id: integr}}\n"}
    project = loaded(tmp_path, files)
    with open_warehouse(project) as warehouse, pytest.raises(FftError, match=r"^seeds/s.csv: .*integr") as caught:
        build_seed(warehouse, project.seeds["s"])
    assert caught.value.problem.hint == "Its types are those of seeds/schema.yml: id: integr."
