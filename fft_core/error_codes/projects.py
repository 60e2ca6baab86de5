"""Codes 1xx: project files and models."""

from __future__ import annotations

from fft_core.error_codes.code import ErrorCode

PROJECTS = (
    ErrorCode(
        100,
        "the project cannot be loaded",
        "A file of the project has a mistake for which there is no other code.",
        "Correct the place that the message names.",
    ),
    ErrorCode(
        101,
        "unknown key",
        "A YAML file, config() or @model has a key that FFT does not know. Often it is a spelling mistake, or the "
        "key is in the wrong section.",
        "Correct or remove the key. The hint has similar names, or the known keys.",
    ),
    ErrorCode(
        102,
        "missing project.yml",
        "The folder has no project.yml, so it is not an FFT project. The command probably ran in another folder.",
        "Change to the project's folder, or name it: `fft build path/to/project`. `fft init` writes a new project.",
    ),
    ErrorCode(
        103,
        "a file cannot be read",
        "The file cannot be opened, or is not UTF-8 text.",
        "Check the permissions of the file, and save it as UTF-8.",
    ),
    ErrorCode(
        104,
        "invalid YAML",
        "The file is not valid YAML. Common reasons are wrong indentation, an unquoted text that starts with "
        "`{`, `*`, `&` or `@`, and a key that a mapping has twice.",
        "Correct the line that the message names. Put texts with special characters in quotes.",
    ),
    ErrorCode(
        105,
        "missing key",
        "A required key is missing.",
        "Add the key at the place that the message names.",
    ),
    ErrorCode(
        106,
        "invalid value",
        "A value has the wrong type, or is not one of the allowed values.",
        "Write a value of the kind that the message names. In YAML, put a text in quotes if it looks like a "
        "number, a date or a boolean.",
    ),
    ErrorCode(
        107,
        "settings that do not fit together",
        "Two settings contradict each other, need each other, or have no effect on this kind of model or on this "
        "engine.",
        "Remove one of the settings, or add the missing one, as the message says.",
    ),
    ErrorCode(
        110,
        "unknown ref",
        "ref() names a model or seed that does not exist. It may be misspelled, disabled, written for another "
        "engine, or the file of a seed is missing.",
        "Correct the name; the hint has similar names. `fft ls` lists all models and seeds.",
    ),
    ErrorCode(
        111,
        "cycle",
        "Models, checks or gates depend on each other in a circle, so that none of them can be built first.",
        "Remove one of the references in the circle. A check can often be placed on the table that is built last.",
    ),
    ErrorCode(
        112,
        "unknown source",
        "source() names a source or table that sources.yml does not declare.",
        "Declare it in sources.yml, or correct the name.",
    ),
    ErrorCode(
        113,
        "unknown name in a setting",
        "A check, test, hook, contract, budget or foreign key names a model, seed, source or function that does "
        "not exist.",
        "Correct the name, or remove the setting. `fft ls` lists all models, seeds and sources.",
    ),
    ErrorCode(
        120,
        "duplicate name",
        "Two models, seeds, sources, checks, fixtures, unit tests or settings have the same name. Upper and lower "
        "case are the same.",
        "Rename or remove one of them. The message names both places.",
    ),
    ErrorCode(
        121,
        "invalid name",
        "The name cannot be used for a table in all databases, or it is reserved for FFT (names that begin with "
        "`_ff_`).",
        "Use letters, digits and underscores, and do not start with a digit or with `_ff_`.",
    ),
    ErrorCode(
        122,
        "two nodes in one relation",
        "Two models or seeds would be stored in the same table or view.",
        "Set another alias or schema for one of them.",
    ),
    ErrorCode(
        130,
        "template syntax error",
        "The Jinja template of a SQL file is not valid: a tag or an expression is not closed, or is misspelled.",
        "Correct the line that the message names. Jinja in SQL comments is ignored: write `{# ... #}` to comment "
        "out a tag.",
    ),
    ErrorCode(
        131,
        "a value must be literal",
        "ref(), source(), config() or a decorator has a computed argument. FFT reads these arguments without "
        "running the code.",
        "Write the name or value as literal text. To choose between models, write each ref() out and select one "
        "of them.",
    ),
    ErrorCode(
        140,
        "invalid Python",
        "A Python file has a syntax error.",
        "Correct the line that the message names. `python -m py_compile FILE` shows the same error.",
    ),
    ErrorCode(
        141,
        "no model, check or macro in a Python file",
        "A *.ff.py file has no function with the decorator that its folder requires.",
        "Decorate a function with @model (below tests/ with @dq_test), or rename the file.",
    ),
    ErrorCode(
        142,
        "invalid declaration of a Python model",
        "The arguments of @model, or the parameters or type annotations of its function, do not fit together.",
        "Declare one parameter for each dep, in the same order. Annotate a parameter with a type of frame that "
        "FFT supports.",
    ),
    ErrorCode(
        143,
        "a Python file cannot be imported",
        "FFT has to import the file because its decorators have computed arguments, or because it contains a "
        "gate. The import failed.",
        "Correct the error that the message shows, or write the arguments of the decorators as literals.",
    ),
    ErrorCode(
        150,
        "invalid check",
        "A check cannot work as it is declared: a parameter is unknown or has a wrong value, or the checked model "
        "has no rows.",
        "Correct the entry that the message names. docs/reference/checks.md lists the parameters of each check.",
    ),
    ErrorCode(
        151,
        "unknown check type",
        "The type of a check is neither built in nor declared below tests/.",
        "Correct the type; the hint has similar names. Custom checks are files in tests/.",
    ),
    ErrorCode(
        160,
        "invalid seed settings",
        "seeds/schema.yml has an entry that does not fit the seed files.",
        "Correct or remove the entry, or add the file of the seed.",
    ),
    ErrorCode(
        161,
        "invalid unit test",
        "A case or fixture of a unit test does not fit the models that it tests: an input is missing, unknown or "
        "given twice.",
        "Correct the case. It needs rows for each input of the models, and the expected rows.",
    ),
    ErrorCode(
        162,
        "invalid hook",
        "A hook in project.yml or in hooks/ is incomplete, or names a phase that does not exist.",
        "Correct the hook. Give it its SQL, or a Python function with @fft_hook of the same name and phase.",
    ),
    ErrorCode(
        163,
        "incomplete incremental model or snapshot",
        "The strategy of an incremental model or snapshot needs a setting that is missing, such as unique_key.",
        "Add the setting that the message names. docs/reference/incremental.md and docs/reference/snapshots.md "
        "list them.",
    ),
    ErrorCode(
        164,
        "invalid layout of a table",
        "A key of the layout of a table, such as cluster_by or labels, has a value that the engine does not accept.",
        "Correct the value. docs/reference/layout.md lists the values of each engine.",
    ),
    ErrorCode(
        170,
        "a package is not installed",
        "packages.yml names a package that is not installed, or is installed at another commit.",
        "Run `fft deps`.",
    ),
    ErrorCode(
        171,
        "invalid package",
        "A package is not an FFT project, has another name or version than packages.yml says, or depends on a "
        "missing package.",
        "Correct packages.yml, or the project.yml of the package.",
    ),
    ErrorCode(
        172,
        "a package cannot be fetched",
        "git could not fetch a package: the address, branch, tag or commit is wrong, the server does not answer, "
        "or git is not installed.",
        "Try `git ls-remote ADDRESS` by hand. `fft deps --upgrade` replaces a commit in packages.lock.yml that no "
        "longer exists.",
    ),
)
