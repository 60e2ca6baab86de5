"""Small projects with a mistake, and the messages that they produce; tests/core/test_error_codes.py tries each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fft_core import Request, Run, load_project, make_plan, open_warehouse
from fft_core.project.model.selection import matching_nodes
from fft_core.warehouse.elsewhere import find_elsewhere
from fft_core.warehouse.warehouse import planned_relations

PROJECT = "name: shop\nversion: '1'\n"
FILES: Mapping[str, str] = {
    "project.yml": PROJECT,
    "profiles.yml": 'dev: {engine: duckdb, duckdb: {path: ":memory:"}}\n',
}
FOLDER = "/path/to/shop"
_USERS = {"models/users.ff.sql": "select 1 as id"}
_PYTHON = "import pandas as pd\nfrom fft_core import model\n\n\n"


@dataclass(frozen=True)
class ErrorExample:
    """A mistake and its message.

    Attributes:
        message: The message; FOLDER stands for the folder of the project.
        files: The files that the project has besides FILES, or instead of them; None for a file that is missing.
        fails: The function that raises the error; it takes the folder of the project.
    """

    message: str
    files: Mapping[str, str | bytes | None]
    fails: Callable[[Path], object]

    def write(self, root: Path) -> None:
        """Write the project into a folder."""
        for name, content in {**FILES, **self.files}.items():
            if content is not None:
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _load(root: Path) -> object:
    return load_project(root, environment={})


def _place(root: Path) -> object:
    return planned_relations(load_project(root, environment={}))("users")


def _open(root: Path) -> object:
    with open_warehouse(load_project(root, environment={})):
        return None


def _build(root: Path) -> object:
    with Run(load_project(root, environment={})) as run:
        return [run.build(node) for node in run.order()]


def _select(expression: str) -> Callable[[Path], object]:
    return lambda root: matching_nodes(load_project(root, environment={}), expression)


def _rebuild(pattern: str) -> Callable[[Path], object]:
    def fail(root: Path) -> object:
        with open_warehouse(load_project(root, environment={})) as warehouse:
            return make_plan(warehouse, Request(rebuild=(pattern,)))

    return fail


def _defer(env: str) -> Callable[[Path], object]:
    return lambda root: find_elsewhere(load_project(root, environment={}), env)


def _env(name: str) -> Callable[[Path], object]:
    return lambda root: load_project(root, name, environment={})


EXAMPLES: Mapping[str, ErrorExample] = {
    "FFT-101": ErrorExample(
        "project.yml:3: unknown key 'test' in the file [FFT-101]\n    hint: Did you mean 'tests'?",
        {**_USERS, "project.yml": f"{PROJECT}test: []\n"},
        _load,
    ),
    "FFT-102": ErrorExample(
        "/path/to/shop: this is not an FFT project: project.yml is missing [FFT-102]\n"
        "    hint: Name the folder that holds project.yml, as in: fft build path/to/project",
        {"project.yml": None},
        _load,
    ),
    "FFT-103": ErrorExample(
        "models/users.ff.sql: not UTF-8 text: invalid continuation byte at byte 11 [FFT-103]",
        {"models/users.ff.sql": b"select 'caf\xe9' as name"},
        _load,
    ),
    "FFT-104": ErrorExample(
        "sources.yml:3: invalid YAML: did not find expected ',' or '}' [FFT-104]",
        {"sources.yml": "crm:\n  users: {schema: landing\n"},
        _load,
    ),
    "FFT-105": ErrorExample(
        "project.yml:1: missing key 'version' [FFT-105]",
        {"project.yml": "name: shop\n"},
        _load,
    ),
    "FFT-106": ErrorExample(
        "project.yml:3: vars must be a mapping [FFT-106]",
        {"project.yml": f"{PROJECT}vars: 3\n"},
        _load,
    ),
    "FFT-107": ErrorExample(
        "models/events.ff.sql:1: lookback cannot be used with strategy 'append': rows would be added "
        "twice [FFT-107]\n"
        "    hint: Select the new rows in the model's own WHERE, or use strategy='merge'.",
        {
            "models/events.ff.sql": (
                "{{ config(materialized='incremental', strategy='append', lookback='1 "
                "day',\n   updated_at_column='at') }}\nselect 1 as id, now() as at"
            )
        },
        _load,
    ),
    "FFT-110": ErrorExample(
        "models/orders.ff.sql:1: ref('user') is not a model or seed [FFT-110]\n    hint: Did you mean 'users'?",
        {**_USERS, "models/orders.ff.sql": "select * from {{ ref('user') }}"},
        _load,
    ),
    "FFT-111": ErrorExample(
        "models/a.ff.sql:1: cycle: a -> b -> a [FFT-111]\n"
        "    hint: A model cannot depend on itself, directly or through other models.",
        {"models/a.ff.sql": "select * from {{ ref('b') }}", "models/b.ff.sql": "select * from {{ ref('a') }}"},
        _load,
    ),
    "FFT-112": ErrorExample(
        "models/users.ff.sql:1: source('crm', 'user') is not in sources.yml [FFT-112]\n"
        "    hint: Did you mean 'crm.users'?",
        {"sources.yml": "crm: {users: {}}\n", "models/users.ff.sql": "select * from {{ source('crm', 'user') }}"},
        _load,
    ),
    "FFT-113": ErrorExample(
        "project.yml:4: 'user' is not a model, seed or source [FFT-113]\n    hint: Did you mean 'users'?",
        {**_USERS, "project.yml": f"{PROJECT}tests:\n  - {{type: unique, table: user, column: id}}\n"},
        _load,
    ),
    "FFT-120": ErrorExample(
        "models/users.ff.sql:1: model 'users' is also in models/old/users.ff.sql:1 [FFT-120]\n"
        "    hint: Names are unique in a project, in any case; users.ff.sql and @model(name='users') "
        "are the same.",
        {**_USERS, "models/old/users.ff.sql": "select 2 as id"},
        _load,
    ),
    "FFT-121": ErrorExample(
        "models/1st_orders.ff.sql: '1st_orders.ff' cannot be the name of a model [FFT-121]\n"
        "    hint: Use letters, digits and underscores, not starting with a digit.",
        {"models/1st_orders.ff.sql": "select 1 as id"},
        _load,
    ),
    "FFT-122": ErrorExample(
        "models/users.ff.sql:1: 'users' and 'people' would both be memory.main.users [FFT-122]\n"
        "    hint: Give one of them another alias or schema; people is in models/people.ff.sql:1.",
        {**_USERS, "models/people.ff.sql": "{{ config(alias='users') }}\nselect 1 as id"},
        _place,
    ),
    "FFT-130": ErrorExample(
        "models/users.ff.sql:2: template error: Unexpected end of template. Jinja was looking for "
        "the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be "
        "closed is 'if'. [FFT-130]",
        {"models/users.ff.sql": "select 1 as id\n{% if true %}, 2 as n"},
        _load,
    ),
    "FFT-131": ErrorExample(
        "models/users.ff.sql:1: ref() takes one name, as literal text [FFT-131]\n"
        "    hint: The graph is read without rendering. To choose by a variable, write each name "
        "out: {'a': ref('a'), 'b': ref('b')}[var('which')].",
        {"models/users.ff.sql": "select * from {{ ref(var('input')) }}"},
        _load,
    ),
    "FFT-140": ErrorExample(
        "models/users.ff.py:3: invalid Python: invalid syntax [FFT-140]",
        {"models/users.ff.py": "import pandas as pd\n\ndef users(:\n"},
        _load,
    ),
    "FFT-141": ErrorExample(
        "models/users.ff.py: no model in this file [FFT-141]\n"
        "    hint: Decorate a function with @model (from fft_core import model), or rename the file: "
        "*.ff.py are models.",
        {"models/users.ff.py": "def users():\n    return None\n"},
        _load,
    ),
    "FFT-142": ErrorExample(
        "models/ages.ff.py:6: ages() has 0 parameter(s) (none) for 1 dep(s) [FFT-142]\n"
        "    hint: One parameter for each dep, in their order; or one parameter, which receives a "
        "dict of all frames.",
        {
            **_USERS,
            "models/ages.ff.py": _PYTHON
            + '@model(deps=["users"])\ndef ages():\n    return pd.DataFrame({"age": [1]})\n',
        },
        _load,
    ),
    "FFT-143": ErrorExample(
        "models/users.ff.py:5: users.ff.py cannot be imported: FileNotFoundError: [Errno 2] No such "
        "file or directory: 'names.txt' [FFT-143]\n"
        "    hint: The arguments of its decorators are computed, so the file is imported when the "
        "project is loaded.",
        {
            "models/users.ff.py": _PYTHON
            + (
                'NAMES = open("names.txt").read()\n\n\n@model(name=NAMES)\ndef users():\n    return '
                'pd.DataFrame({"id": [1]})\n'
            )
        },
        _load,
    ),
    "FFT-150": ErrorExample(
        "project.yml:4: tests.0: set min, max, or both [FFT-150]",
        {**_USERS, "project.yml": f"{PROJECT}tests:\n  - {{type: between, table: users, column: id}}\n"},
        _load,
    ),
    "FFT-151": ErrorExample(
        "project.yml:4: unknown type 'uniqe' [FFT-151]\n    hint: Did you mean 'unique'?",
        {**_USERS, "project.yml": f"{PROJECT}tests:\n  - {{type: uniqe, table: users, column: id}}\n"},
        _load,
    ),
    "FFT-160": ErrorExample(
        "seeds/schema.yml:1: seeds/ has no seed 'raw_user' [FFT-160]\n    hint: Did you mean 'raw_users'?",
        {**_USERS, "seeds/raw_users.csv": "id\n1\n", "seeds/schema.yml": "targets: {raw_user: {schema: landing}}\n"},
        _load,
    ),
    "FFT-161": ErrorExample(
        "tests/unit/orders.yml:3: case 'empty' has no rows for the input 'users' [FFT-161]\n"
        "    hint: Write rows: [] and the types of its columns if it has no rows.",
        {
            **_USERS,
            "models/orders.ff.sql": "select * from {{ ref('users') }}",
            "tests/unit/orders.yml": "model: orders\ncases:\n  - {name: empty, expect: {rows: []}}\n",
        },
        _load,
    ),
    "FFT-162": ErrorExample(
        "project.yml:5: hook 'log' has no SQL [FFT-162]\n    hint: Set its `sql`, or write the file hooks/log.sql.",
        {**_USERS, "project.yml": f"{PROJECT}hooks:\n  on_run_start:\n    - {{name: log}}\n"},
        _load,
    ),
    "FFT-163": ErrorExample(
        "models/events.ff.sql:1: an incremental model of strategy 'merge' needs unique_key [FFT-163]\n"
        "    hint: Name the columns that identify a row: unique_key='id'. To add rows only: "
        "strategy='append'.",
        {"models/events.ff.sql": "{{ config(materialized='incremental') }}\nselect 1 as id"},
        _load,
    ),
    "FFT-170": ErrorExample(
        "packages.yml:2: package 'shared' is not installed [FFT-170]\n    hint: Run: fft deps",
        {**_USERS, "packages.yml": "packages:\n  - {name: shared, git: https://example.com/shared.git, tag: v1}\n"},
        _load,
    ),
    "FFT-171": ErrorExample(
        "packages.yml:2: package 'shared': the folder 'shared' does not exist [FFT-171]\n"
        "    hint: The path starts at the project's folder.",
        {**_USERS, "packages.yml": "packages:\n  - {name: shared, path: shared}\n"},
        _load,
    ),
    "FFT-201": ErrorExample(
        "profiles.yml: the file does not exist [FFT-201]\n"
        "    hint: Create it: `fft init DIR` writes a new project, whose profiles.yml you can copy. Or set FF_ENGINE.",
        {**_USERS, "profiles.yml": None},
        _open,
    ),
    "FFT-202": ErrorExample(
        "profiles.yml: profile 'prod' does not exist [FFT-202]\n    hint: Name one with --env: 'dev'.",
        {**_USERS},
        _env("prod"),
    ),
    "FFT-203": ErrorExample(
        "profiles.yml:1: unknown engine 'duckdbb' [FFT-203]\n"
        "    hint: Did you mean 'duckdb'? Engines: bigquery, databricks_spark, duckdb, postgres, snowflake_snowpark.",
        {**_USERS, "profiles.yml": "dev: {engine: duckdbb}\n"},
        _open,
    ),
    "FFT-204": ErrorExample(
        "profiles.yml:1: environment variable SHOP_DATABASE is not set and has no default [FFT-204]\n"
        "    hint: Set SHOP_DATABASE (in the environment or a .env file), or write "
        "env('SHOP_DATABASE', 'default').",
        {**_USERS, "profiles.yml": "dev: {engine: duckdb, duckdb: {path: \"{{ env('SHOP_DATABASE') }}\"}}\n"},
        _open,
    ),
    "FFT-205": ErrorExample(
        "profiles.yml:1: dev.duckdb.threads must be a whole number, not 'many' [FFT-205]",
        {**_USERS, "profiles.yml": 'dev: {engine: duckdb, duckdb: {path: ":memory:", threads: many}}\n'},
        _open,
    ),
    "FFT-220": ErrorExample(
        'cannot open /path/to/shop/profiles.yml: IO Error: The file "/path/to/shop/profiles.yml" '
        "exists, but it is not a valid DuckDB database file! [FFT-220]",
        {**_USERS, "profiles.yml": "dev: {engine: duckdb, duckdb: {path: profiles.yml}}\n"},
        _open,
    ),
    "FFT-301": ErrorExample(
        "'user' is not a model or seed [FFT-301]\n    hint: Did you mean 'users'?",
        {**_USERS},
        _select("user"),
    ),
    "FFT-302": ErrorExample(
        "'tags' is not a selection method [FFT-302]\n    hint: Did you mean 'tag'?",
        {**_USERS},
        _select("tags:daily"),
    ),
    "FFT-303": ErrorExample(
        "the environment 'prod' does not exist: profiles.yml has no such profile [FFT-303]\n"
        "    hint: Name one of profiles.yml: there is no other.",
        {**_USERS},
        _defer("prod"),
    ),
    "FFT-306": ErrorExample(
        "--rebuild 'orders*' matches no model or seed [FFT-306]",
        {**_USERS},
        _rebuild("orders*"),
    ),
    "FFT-401": ErrorExample(
        "models/users.ff.sql:1: template error: ZeroDivisionError: division by zero [FFT-401]",
        {"models/users.ff.sql": "select {{ 1 / 0 }} as id"},
        _build,
    ),
    "FFT-402": ErrorExample(
        "models/users.ff.sql:1: template error: 'first_id' is undefined [FFT-402]",
        {"models/users.ff.sql": "select {{ first_id }} as id"},
        _build,
    ),
    "FFT-403": ErrorExample(
        "models/users.ff.sql: a model must be one statement; this has 2: the second is 'select 2 as "
        "id ...' [FFT-403]\n"
        "    hint: A model is one SELECT; make a model of each statement.",
        {"models/users.ff.sql": "select 1 as id; select 2 as id"},
        _build,
    ),
    "FFT-410": ErrorExample(
        "models/users.ff.py:6: users: a model must return a frame, not list [FFT-410]\n"
        "    hint: Return a pandas or Polars DataFrame, a pyarrow Table, or any frame that Arrow can "
        "read.",
        {"models/users.ff.py": _PYTHON + "@model()\ndef users():\n    return [1, 2]\n"},
        _build,
    ),
    "FFT-411": ErrorExample(
        "models/users.ff.py:7: model 'users' raised ValueError: the service is down [FFT-411]\n"
        '    models/users.ff.py:7 in users: raise ValueError("the service is down")',
        {"models/users.ff.py": _PYTHON + '@model()\ndef users():\n    raise ValueError("the service is down")\n'},
        _build,
    ),
    "FFT-412": ErrorExample(
        "models/ages.ff.py:6: model 'ages' requires 'age' of 'users', which has 'id' [FFT-412]",
        {
            **_USERS,
            "models/ages.ff.py": _PYTHON
            + (
                '@model(deps=["users"], requires=["age"])\ndef ages(users: pd.DataFrame) -> pd.DataFrame:\n    '
                "return users\n"
            ),
        },
        _build,
    ),
    "FFT-413": ErrorExample(
        "models/users.ff.py:6: users: the frame cannot be stored: column 'id' (object): Could not "
        "convert 'x' with type str: tried to convert to int64 [FFT-413]\n"
        "    hint: Every column needs values of one database type; cast mixed values to text.",
        {"models/users.ff.py": _PYTHON + '@model()\ndef users():\n    return pd.DataFrame({"id": [1, "x"]})\n'},
        _build,
    ),
    "FFT-420": ErrorExample(
        "models/users.ff.sql:1: model 'users' reads memory.landing.users, which does not exist "
        "[FFT-420]\n"
        "    hint: The source crm.users (sources.yml:1) must be loaded first.",
        {
            "sources.yml": "crm: {users: {schema: landing}}\n",
            "models/users.ff.sql": "select * from {{ source('crm', 'users') }}",
        },
        _build,
    ),
    "FFT-421": ErrorExample(
        "seeds/raw_users.csv:2: the line has 3 fields, and the header has 2 [FFT-421]",
        {"seeds/raw_users.csv": "id,name\n1,Anna,DE\n"},
        _build,
    ),
    "FFT-422": ErrorExample(
        "seeds/raw_users.csv:2: column 'id': 'one' is not a whole number from -9223372036854775808 "
        "to 9223372036854775807 [FFT-422]\n"
        "    hint: Correct it, or declare another type in seeds/schema.yml; `string` accepts every "
        "text.",
        {"seeds/raw_users.csv": "id\none\n", "seeds/schema.yml": "columns: {raw_users: {id: integer}}\n"},
        _build,
    ),
    "FFT-432": ErrorExample(
        "models/events.ff.sql:1: model 'events': values of unique_key (id) that occur more than "
        "once: 1, such as id = 1 (2 times) [FFT-432]\n"
        "    hint: Keep one row of each, for example the latest by row_number().",
        {
            "models/events.ff.sql": (
                "{{ config(materialized='incremental', unique_key='id') }}\nselect 1 as id union all select 1"
            )
        },
        _build,
    ),
    "FFT-440": ErrorExample(
        "models/users.ff.sql:1: post_hook of 'users': Catalog Error: Table with name nothing does "
        "not exist! [FFT-440]\n"
        'Did you mean "pg_settings"?',
        {"models/users.ff.sql": "{{ config(post_hook='drop table nothing') }}\nselect 1 as id"},
        _build,
    ),
    "FFT-500": ErrorExample(
        "project.yml:4: users is not published: 1 check(s) failed: unique_id: 1 value occurs more "
        "than once [FFT-500]\n"
        "    hint: The first of them: id = 1, row_count = 2",
        {
            "models/users.ff.sql": "select 1 as id union all select 1",
            "project.yml": f"{PROJECT}tests:\n  - {{type: unique, table: users, column: id}}\n",
        },
        _build,
    ),
    "FFT-501": ErrorExample(
        "project.yml:4: check expression of users cannot be evaluated: Conversion Error: Could not "
        "convert string 'x' to INT32 [FFT-501]",
        {**_USERS, "project.yml": f"{PROJECT}tests:\n  - {{type: expression, table: users, expression: id >> 'x'}}\n"},
        _build,
    ),
    "FFT-502": ErrorExample(
        "project.yml:4: check unique_user_id names the column 'user_id', which users does not have "
        "[FFT-502]\n"
        "    hint: Its columns: id.",
        {**_USERS, "project.yml": f"{PROJECT}tests:\n  - {{type: unique, table: users, column: user_id}}\n"},
        _build,
    ),
    "FFT-601": ErrorExample(
        "models/users.ff.sql:1: model 'users': Parser Error: syntax error at or near \"from\" "
        "[FFT-601]\n"
        "    In the rendered SQL, line 1:\n"
        "        1 | select 1 as id from\n"
        "          |                ^",
        {"models/users.ff.sql": "select 1 as id from"},
        _build,
    ),
    "FFT-602": ErrorExample(
        "models/pairs.ff.sql:1: model 'pairs': the query has two columns called 'id' [FFT-602]\n"
        "    The SQL as sent:\n"
        '      select a.id, b.id from "memory"."main"."users" as a, "memory"."main"."users" as b\n'
        "    hint: Name each differently; of a join, select the columns of one side, or write `using "
        "(...)`.",
        {**_USERS, "models/pairs.ff.sql": "select a.id, b.id from {{ ref('users') }} as a, {{ ref('users') }} as b"},
        _build,
    ),
    "FFT-603": ErrorExample(
        "models/users.ff.sql:1: model 'users' is a materialized view, which duckdb does not have "
        "[FFT-603]\n"
        "    hint: Use materialized='table', or another engine.",
        {"models/users.ff.sql": "{{ config(materialized='materialized_view') }}\nselect 1 as id"},
        _build,
    ),
}
