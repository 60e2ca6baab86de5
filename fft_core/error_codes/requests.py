"""Codes 2xx and 3xx: profiles, connections, drivers, requests and the command line."""

from __future__ import annotations

from fft_core.error_codes.code import ErrorCode

REQUESTS = (
    ErrorCode(
        200,
        "the profile cannot be used",
        "profiles.yml is not valid.",
        "Correct the line that the message names.",
    ),
    ErrorCode(
        201,
        "missing profiles.yml",
        "The project has no profiles.yml, and no environment variable names an engine.",
        "Create profiles.yml, or set FF_ENGINE and the variables of the engine.",
    ),
    ErrorCode(
        202,
        "unknown profile",
        "The environment that was requested by --env or FFT_ACTIVE_ENV has no profile in profiles.yml.",
        "Name an existing profile with --env, or add the profile to profiles.yml.",
    ),
    ErrorCode(
        203,
        "the engine cannot be used",
        "The engine is unknown, declared by two installed packages, or its package cannot be loaded.",
        "Correct the name of the engine, or install or repair its package. The hint lists the installed engines.",
    ),
    ErrorCode(
        204,
        "environment variable is not set",
        "profiles.yml or a model reads an environment variable that has no value and no default.",
        "Set the variable in the environment or in a .env file, or write a default: `env('NAME', 'default')`.",
    ),
    ErrorCode(
        205,
        "invalid setting of a connection",
        "A setting in profiles.yml, or the environment variable that overrides it, is missing, unknown or has a "
        "wrong value.",
        "Correct the setting. docs/reference/engines.md lists the settings of each engine.",
    ),
    ErrorCode(
        210,
        "the driver of the engine is not installed",
        "The Python packages of the engine are not installed in this environment.",
        "Install them with the command in the hint, in the same Python environment as fft.",
    ),
    ErrorCode(
        211,
        "a Python package is not installed",
        "A model or stream needs an optional Python package, such as pandas, polars, ibis or confluent-kafka.",
        "Install it with the command in the hint, in the same Python environment as fft.",
    ),
    ErrorCode(
        220,
        "the database cannot be opened",
        "The database rejects the connection, or the database file is missing, damaged or of another version.",
        "Check path, user, password and database in profiles.yml. `fft doctor` tries the connection.",
    ),
    ErrorCode(
        221,
        "the server does not answer",
        "The server of the database cannot be reached, accepts no more connections, or closed the connection.",
        "Check host, port and network, and whether the server is running. Then run the command again.",
    ),
    ErrorCode(
        222,
        "the database is in use",
        "Another process holds the database file, and only one process can write to it at a time.",
        "Close the other process, which the message names, or wait for it.",
    ),
    ErrorCode(
        223,
        "two environments cannot be read together",
        "--defer, clone, diff and review read two environments with one connection. The other one is on another "
        "server, account or file that cannot be attached.",
        "Put both environments into schemas of one database, or into files that can be attached.",
    ),
    ErrorCode(
        300,
        "invalid request",
        "The command or function was called with a value that it cannot use.",
        "Correct the value that the message names.",
    ),
    ErrorCode(
        301,
        "unknown name",
        "The model, seed, source, stream or unit test that was named does not exist.",
        "Correct the name; the hint has similar names. `fft ls` lists all models, seeds and sources.",
    ),
    ErrorCode(
        302,
        "invalid selection",
        "The text after --select, --exclude or --rebuild is not a valid selection, or names a tag, folder or kind "
        "that nothing has.",
        "Correct the selection. docs/reference/selection.md describes the syntax.",
    ),
    ErrorCode(
        303,
        "unknown environment",
        "--defer, --against or --from names an environment that does not exist, is the current one, or is on "
        "another engine.",
        "Name another profile of profiles.yml that is on the same engine.",
    ),
    ErrorCode(
        304,
        "git cannot be used",
        "--changed-since needs git, a git repository and a commit that exists in it.",
        "Install git, run `git fetch --unshallow` in a shallow clone, or name the changed models in "
        "FF_CI_CHANGED_MODELS.",
    ),
    ErrorCode(
        305,
        "the scheduler is not installed",
        "--with or FFT_WITH names a scheduler that is not installed, or none is installed.",
        'Install one: `pip install fft-dagster` or `pip install "fft-dagster[prefect]"`.',
    ),
    ErrorCode(
        306,
        "nothing to rebuild",
        "The pattern after --rebuild or --full-refresh matches no model.",
        "Correct the pattern. --full-refresh is for incremental models, and for snapshots that are named in full.",
    ),
    ErrorCode(
        310,
        "invalid command line",
        "A command, option or value on the command line is unknown, missing or cannot be combined with another one.",
        "Read the message; `fft COMMAND --help` lists the options.",
    ),
    ErrorCode(
        311,
        "files exist already",
        "The command would overwrite files that exist.",
        "Name another folder or case, or move the files away. For unit tests, use --overwrite.",
    ),
)
