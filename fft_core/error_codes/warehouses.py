"""Codes 6xx to 9xx: statements, engines, records, artifacts, streams and schedulers."""

from __future__ import annotations

from fft_core.error_codes.code import ErrorCode

WAREHOUSES = (
    ErrorCode(
        600,
        "the database failed",
        "The database or its driver reported an error for which there is no other code.",
        "Read the message of the database.",
    ),
    ErrorCode(
        601,
        "the database rejects a statement",
        "The SQL is not valid for this database: a syntax error, or an unknown column or function.",
        "Correct the SQL in the line that the message shows. `fft show MODEL --sql` prints the rendered SQL.",
    ),
    ErrorCode(
        602,
        "ambiguous or repeated column",
        "A query has two columns of one name, or a setting matches several columns that differ only in case.",
        "Give each column its own name. In a join, select the columns of one side, or write `using (...)`.",
    ),
    ErrorCode(
        603,
        "not supported by the engine",
        "The engine cannot do this; docs/reference/engines.md lists the capabilities of each engine.",
        "Use another materialization, setting or engine.",
    ),
    ErrorCode(
        604,
        "the statement was interrupted",
        "The run was cancelled while a statement was running. Nothing of it was published.",
        "Run the command again.",
    ),
    ErrorCode(
        605,
        "another session holds a lock",
        "Another session writes to the same table, or holds a lock on it.",
        "Wait for the other session, or end it. Then run the command again.",
    ),
    ErrorCode(
        606,
        "a name or text is not allowed in the database",
        "A name is too long for the database, or a text has a character that it cannot store.",
        "Choose a shorter name, or remove the character.",
    ),
    ErrorCode(
        607,
        "the schema does not exist",
        "The schema of a model does not exist, and FFT may not create it.",
        "Create the schema, or allow FFT to create it in the profile.",
    ),
    ErrorCode(
        608,
        "the scratch schema cannot be used",
        "The user may not create or drop the schema in which `fft engine check` works, or another session holds a lock "
        "on a relation in it.",
        "Allow the user to create schemas, or name an existing empty schema with --schema. Drop a schema that is left.",
    ),
    ErrorCode(
        700,
        "build records cannot be read",
        "The tables of build records in the database are damaged, or were changed by another program.",
        "Remove the records with `fft cache clear`. Models are then built once more.",
    ),
    ErrorCode(
        701,
        "build records of a newer version",
        "A newer version of FFT wrote the build records in this database.",
        "Upgrade fft-dagster to the newer version.",
    ),
    ErrorCode(
        710,
        "an artifact cannot be used",
        "A file in .fastflowtransform/target/ is missing, damaged, or was written by another version.",
        "Delete the file, and run the command that writes it again.",
    ),
    ErrorCode(
        711,
        "a file cannot be written",
        "The operating system rejects to read, write or remove a file: the disk is full, or permissions are missing.",
        "Check the disk, the folder and its permissions.",
    ),
    ErrorCode(
        800,
        "the stream failed",
        "A stream could not be read or stored, for a reason that has no other code. Its position is unchanged.",
        "Correct the cause, and run `fft stream run` again.",
    ),
    ErrorCode(
        801,
        "the source of events cannot be read",
        "The broker, bucket or file of a stream does not exist, does not answer, or has a wrong format.",
        "Check the source of the stream and its credentials.",
    ),
    ErrorCode(
        802,
        "too many bad records",
        "More records than max_dead_share allows could not be read. Nothing was stored.",
        "Correct the program that sends them, or raise max_dead_share: bad records are then stored in the table "
        "with the suffix __dead.",
    ),
    ErrorCode(
        803,
        "the position of a stream cannot be used",
        "The events after the last position no longer exist, or the position is not one of this source.",
        "Set a new position: `fft stream reset MODEL --to earliest` or `--to latest`.",
    ),
    ErrorCode(
        804,
        "invalid stream setting",
        "A setting of a stream is wrong, or names a field that no event has.",
        "Correct the *.ff.yml file of the stream.",
    ),
    ErrorCode(
        805,
        "another process writes the stream",
        "Only one process can write a stream at a time.",
        "End the other process, which the message names, or wait for it.",
    ),
    ErrorCode(
        806,
        "the columns of events do not fit",
        "Events have a new column or values of another type, and the table of the stream cannot store them.",
        "Declare the column with its type, or set on_schema_change.",
    ),
    ErrorCode(
        807,
        "no event has arrived yet",
        "The table of a stream gets its columns from the first event, and there is none yet.",
        "Wait for the first event, or declare the columns with their types: `columns: {id: integer}`.",
    ),
    ErrorCode(
        900,
        "the scheduler reported an error",
        "Dagster or Prefect cannot load or run the project as it is configured.",
        "Read the message, and correct the definitions or the configuration.",
    ),
    ErrorCode(
        901,
        "a version or part of the scheduler is missing",
        "The installed version of Dagster or Prefect is not supported, or a part such as the UI is not installed.",
        "Install it with the command in the hint.",
    ),
    ErrorCode(
        902,
        "the history of runs cannot be used",
        "The folder or database with the history of runs cannot be read or written.",
        "Check DAGSTER_HOME or the folder that the message names. `fft clean --history` removes a damaged history.",
    ),
    ErrorCode(
        903,
        "the run failed",
        "Models of the run failed, or the scheduler could not start the run. The message lists the errors.",
        "Correct each error, and run again: only models that are not up to date are built.",
    ),
    ErrorCode(
        904,
        "an asset would overwrite another relation",
        "An asset of Dagster would be stored in the relation of a model, seed or source, or its partitions would "
        "replace each other.",
        "Give the asset another key, or set its partition_expr.",
    ),
    ErrorCode(
        905,
        "a check cannot be a gate",
        "A gate runs before the rows of a model are published, and must only need these rows.",
        "Let the check take only the rows, or leave out `gate`: Dagster then runs it after the build.",
    ),
    ErrorCode(
        906,
        "the project of an asset is unclear",
        "Several FFT projects are loaded, or the resource belongs to another project or environment.",
        "Pass the asset to build_definitions(..., assets=[...]) of its project, or set resource_prefix.",
    ),
    ErrorCode(
        907,
        "the UI cannot be opened",
        "The UI of the project is open already, or its address is in use or invalid.",
        "Use the open UI, or choose another port: `fft dev --port 3001`.",
    ),
    ErrorCode(
        908,
        "a build cannot be queued",
        "Dagster's web server, which builds over HTTP are sent to, cannot be reached, does not have the project, or "
        "belongs to another instance.",
        "Start the web server with this project. Set FFT_SERVE_DAGSTER_URL to it, and DAGSTER_HOME to its instance.",
    ),
    ErrorCode(
        910,
        "the API cannot be started",
        "A setting of `fft serve` is invalid, or the address is in use.",
        "Correct the setting that the message names, or choose another port: `fft serve --port 8001`.",
    ),
    ErrorCode(
        911,
        "invalid condition of a served model",
        "`serve: {where: ...}` of a model must be one condition over its columns, with placeholders such as :tenant.",
        "Correct the condition. It is SQL of the engine, without a subquery.",
    ),
    ErrorCode(
        912,
        "invalid token or scope",
        "The name of a token exists already or does not exist, or a scope is not one of the API.",
        "List the tokens with `fft serve token list`. The scopes are on the page of `fft serve`.",
    ),
    ErrorCode(
        999,
        "unexpected error",
        "A bug in FFT, or in a library that FFT uses.",
        "Report it with the file that the message names. It has the traceback and the versions.",
    ),
)
