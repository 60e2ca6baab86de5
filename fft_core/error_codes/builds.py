"""Codes 4xx and 5xx: builds, checks and unit tests."""

from __future__ import annotations

from fft_core.error_codes.code import ErrorCode

BUILDS = (
    ErrorCode(
        400,
        "the operation failed",
        "A step could not be finished, for a reason that has no other code.",
        "Read the message and the hint; correct the cause, and run the command again.",
    ),
    ErrorCode(
        401,
        "the template cannot be rendered",
        "A Jinja expression of a model, macro or hook failed while it was rendered.",
        "Correct the place that the message names. `fft show MODEL --sql` renders one model.",
    ),
    ErrorCode(
        402,
        "undefined name in a template",
        "A template uses a variable, macro or filter that does not exist.",
        "Correct the name, define the macro in models/macros/, or declare the variable under vars in project.yml.",
    ),
    ErrorCode(
        403,
        "a model is not one query",
        "The SQL of a model is not exactly one SELECT or WITH statement, or it has an unclosed quote or bracket.",
        "Write one SELECT, without CREATE or INSERT. Put each further statement into its own model, or into a hook.",
    ),
    ErrorCode(
        410,
        "a Python model cannot be used",
        "The function returned a value that is not a frame, or a query that its database cannot run.",
        "Return a pandas or Polars DataFrame, a pyarrow Table, or for Ibis models an ibis.Table made from the inputs.",
    ),
    ErrorCode(
        411,
        "a Python function raised an error",
        "The function of a Python model or hook raised an exception. The message has the exception and the lines.",
        "Correct the function. FFT_TRACE=1 shows the whole traceback.",
    ),
    ErrorCode(
        412,
        "required columns are missing",
        "An input of a Python model lacks a column that `requires` names.",
        "Add the column to the input, or correct `requires`.",
    ),
    ErrorCode(
        413,
        "the frame cannot be stored",
        "A column of the returned frame has values or a name that the database cannot store.",
        "Cast or rename the column in the model, as the hint says.",
    ),
    ErrorCode(
        414,
        "rows cannot be read as a frame",
        "A column of an input has values that the library of the frame cannot hold.",
        "Cast the column in the SQL of the input, or take the input as a pyarrow Table.",
    ),
    ErrorCode(
        415,
        "an HTTP request of a model failed",
        "get_df or get_json could not read an address: it is wrong or not allowed, the server returned an error, "
        "or the response is not cached in offline mode.",
        "Check the address, FF_HTTP_ALLOWED_DOMAINS and the network. Run once without --offline to fill the cache.",
    ),
    ErrorCode(
        420,
        "an input does not exist",
        "A table or view that a model, check or command reads does not exist in the database.",
        "Build the model or seed first, or load the source, as the hint says. `fft build --select +MODEL` builds "
        "all inputs.",
    ),
    ErrorCode(
        421,
        "the seed file cannot be read",
        "A seed file is missing, or is not valid CSV or Parquet: its header, quotes, delimiter or encoding are wrong.",
        "Correct the line that the message names, or set the form of the file in seeds/schema.yml, as the hint says.",
    ),
    ErrorCode(
        422,
        "a value does not fit its type",
        "A value of a seed does not fit the type of its column.",
        "Correct the value, or declare another type in seeds/schema.yml.",
    ),
    ErrorCode(
        430,
        "the increment cannot be applied",
        "The new rows of an incremental model or snapshot do not fit its table. The table stays as it was.",
        "Correct the model, or rebuild it: `fft build --full-refresh MODEL`.",
    ),
    ErrorCode(
        431,
        "the columns changed",
        "The columns of an incremental model, snapshot or partitioned asset differ from those of its table.",
        "Set on_schema_change, cast the column in the model, or rebuild it with `fft build --full-refresh MODEL`.",
    ),
    ErrorCode(
        432,
        "keys are not unique or NULL",
        "The columns of unique_key have NULL, or the same values in several rows.",
        "Keep one row for each key, and leave out rows without a key. Or choose another unique_key.",
    ),
    ErrorCode(
        433,
        "rows do not fit the partition",
        "A partition has rows of another partition, or the columns in partition_by or partition_expr cannot be used.",
        "Return only the rows of the partition, and correct partition_by or partition_expr.",
    ),
    ErrorCode(
        440,
        "a hook failed",
        "A hook raised an error, its SQL was rejected, or it has a statement that hooks must not have.",
        "Correct the hook. Hooks of models are part of the transaction of the build: no COMMIT, and no change of "
        "the model's own table.",
    ),
    ErrorCode(
        450,
        "a step took too long",
        "The build of a model took longer than its timeout. Nothing was published.",
        "Make the model faster, or raise timeout in its config.",
    ),
    ErrorCode(
        451,
        "a limit was exceeded",
        "A run exceeded a limit of budgets.yml, or a query would read more bytes than allowed.",
        "Read less, or raise the limit in budgets.yml.",
    ),
    ErrorCode(
        460,
        "a constraint, index or grant cannot be set",
        "The rows violate a declared constraint, or the database rejects a constraint, index or grant. Nothing "
        "was published.",
        "Correct the rows or the declaration. Roles in grants must exist.",
    ),
    ErrorCode(
        461,
        "the relation cannot be replaced",
        "Objects in the database depend on the table or view, another object has its name, or a dependent view "
        "could no longer be read.",
        "Change or drop the objects that the message names, and build again.",
    ),
    ErrorCode(
        462,
        "another run built the model",
        "Another run changed the table after this run had planned.",
        "Run the command again.",
    ),
    ErrorCode(
        463,
        "a table cannot have its layout",
        "partition_by or cluster_by names a column that the rows do not have, or one by which the engine cannot "
        "partition or cluster. Nothing was published.",
        "Correct the name, or choose another column. docs/reference/layout.md lists what each engine supports.",
    ),
    ErrorCode(
        500,
        "a check failed",
        "The new rows fail a check of severity error. They were not published; the old rows are unchanged.",
        "Correct the rows or the check. The hint shows the first failing row; `fft build --store-failures` keeps "
        "all of them in a table. `fft test` judges the published rows, which are the old ones.",
    ),
    ErrorCode(
        501,
        "a check cannot be evaluated",
        "The database rejects the query of a check, for example because an expression or a pattern is not valid.",
        "Correct the SQL or the values of the check at the place that the message names.",
    ),
    ErrorCode(
        502,
        "a check names an unknown column",
        "A check names a column that the table does not have.",
        "Correct the name; the hint lists the columns.",
    ),
    ErrorCode(
        503,
        "the function of a check failed",
        "The Python function of a check raised an error or returned a value that is not a result, or is not known "
        "here.",
        "Correct the function, and return a result as docs/reference/checks.md describes.",
    ),
    ErrorCode(
        504,
        "the freshness of a source is unknown",
        "The age of a source cannot be read: its table or its loaded_at column does not exist, or has no times.",
        "Correct freshness and loaded_at in sources.yml, or load the source.",
    ),
    ErrorCode(
        510,
        "invalid rows in a unit test",
        "The rows of an input cannot be made into a table: a type is unclear, or a value does not fit.",
        "Declare the columns of the input with their types.",
    ),
    ErrorCode(
        511,
        "time cannot be frozen",
        "A unit test has `freeze`, but the model reads the time in a way that FFT cannot replace.",
        "Use the functions that the hint names, or give the time as a column of an input.",
    ),
    ErrorCode(
        512,
        "a unit test cannot be written",
        "`fft utest --generate` or --update cannot write this case, for example because the model returns other "
        "rows each time.",
        "Follow the hint, or write the case by hand.",
    ),
)
