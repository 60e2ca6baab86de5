"""Examples of each command, for the pages of docs/commands. A test runs them in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A command line and its purpose; a test cannot run commands that do not end, or that need two environments."""

    says: str
    typed: str
    is_tried: bool = True


EXAMPLES: Mapping[str, Sequence[Example]] = {
    "init": (
        Example("A new project on DuckDB", "fft init shop"),
        Example("One on Postgres", "fft init shop_postgres --engine postgres"),
    ),
    "deps": (
        Example("Install the packages in packages.yml and packages.lock.yml", "fft deps shop"),
        Example("Install the current commits of branches and tags", "fft deps shop --upgrade"),
    ),
    "doctor": (Example("The requirements of a project, and changes since the original FFT", "fft doctor shop"),),
    "explain": (Example("The code at the end of a message", "fft explain FFT-110"),),
    "plan": (
        Example("Everything", "fft plan shop"),
        Example("One model and its inputs, for a program", "fft plan shop --select +country_revenue --json"),
        Example("With another variable", "fft plan shop --vars big_order=100"),
    ),
    "build": (
        Example("What must be built", "fft build shop"),
        Example("One folder, two models at a time", "fft build shop --select path:models/marts --jobs 2"),
        Example("A model although nothing changed", "fft build shop --rebuild country_revenue"),
    ),
    "run": (Example("One model and its inputs, as far as they changed", "fft run shop --select +country_revenue"),),
    "show": (
        Example("The first rows of a model", "fft show country_revenue shop"),
        Example("Its SQL", "fft show country_revenue shop --sql"),
        Example("A query", "fft show shop --inline \"select count(*) as n from {{ ref('country_revenue') }}\""),
    ),
    "clone": (
        Example("What would be copied", "fft clone shop --from prod --dry-run", is_tried=False),
        Example("Everything that prod has built", "fft clone shop --from prod", is_tried=False),
    ),
    "diff": (
        Example("Models and rows", "fft diff shop --against prod", is_tried=False),
        Example("Rows of one model", "fft diff shop --against prod --data --select users --key id", is_tried=False),
    ),
    "review": (
        Example("A branch, in a pull request", "fft review shop --since main --defer prod --out r.md", is_tried=False),
    ),
    "docgen": (Example("A site about the project", "fft docgen shop"),),
    "serve": (Example("The marked models of a project, on this machine", "fft serve shop", is_tried=False),),
    "serve token create": (
        Example(
            "A token for a dashboard, which sees the rows of one customer",
            "fft serve token create dashboard shop --scope read:model --claim customer=7 --days 90",
        ),
    ),
    "serve token list": (Example("All tokens of a project", "fft serve token list shop"),),
    "serve token revoke": (Example("End a token", "fft serve token revoke dashboard shop"),),
    "stream run": (
        Example("Read a stream until nothing is left", "fft stream run visits shop --until-caught-up", is_tried=False),
        Example("Follow it, for a program", "fft stream run visits shop --json", is_tried=False),
    ),
    "stream status": (Example("How far all streams were read", "fft stream status shop"),),
    "stream reset": (Example("Read all again", "fft stream reset visits shop --to earliest", is_tried=False),),
    "stream replay": (
        Example("Compare the sessions with the events", "fft stream replay visits shop --dry-run", is_tried=False),
    ),
    "sync-db-comments": (
        Example("See which descriptions the database would get", "fft sync-db-comments shop --dry-run"),
    ),
    "seed": (Example("All seeds", "fft seed shop"),),
    "test": (Example("All checks, on the published tables", "fft test shop"),),
    "utest": (Example("All unit tests", "fft utest shop"),),
    "snapshot run": (Example("All snapshots", "fft snapshot run shop"),),
    "source freshness": (Example("All sources with a freshness limit", "fft source freshness shop"),),
    "ls": (Example("One tag", "fft ls shop --select tag:daily"),),
    "dag": (Example("The graph as text", "fft dag shop"),),
    "dev": (
        Example("The Dagster UI on port 3000", "fft dev shop", is_tried=False),
        Example("On another port", "fft dev shop --port 3001", is_tried=False),
    ),
    "engine check": (
        Example("Every claim, in the warehouse of prod", "fft engine check shop --env prod", is_tried=False),
        Example("Two claims, for a program", "fft engine check shop --only publish --only digests --json"),
        Example("In a schema that exists and is empty", "fft engine check shop --schema scratch", is_tried=False),
    ),
    "ci-check": (Example("Before a commit", "fft ci-check shop"),),
    "cache clear": (
        Example("See the records that would be removed", "fft cache clear shop --dry-run"),
        Example("Build one model and what reads it the next time", "fft cache clear shop --select orders+"),
    ),
    "clean": (
        Example("See the files that would be removed", "fft clean shop --dry-run"),
        Example("Start a new history of runs", "fft clean shop --history"),
    ),
    "version": (Example("For a report of a problem", "fft version"),),
}
