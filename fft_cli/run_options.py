"""The options of commands with a run, and the values that they become. Imports nothing slow."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import click

from fft_cli.option_values import included, option, read_by
from fft_cli.options import PlanOptions, ProjectOptions

JOBS = click.option(
    "--jobs", "-j", type=click.IntRange(min=1), help="The number of models or checks that run at a time."
)
SCHEDULER = click.option(
    "--with",
    "scheduler",
    metavar="NAME",
    envvar="FFT_WITH",
    help="The scheduler: dagster or prefect. [FFT_WITH; default: dagster]",
)
STORE_FAILURES = click.option(
    "--store-failures", is_flag=True, help="Keep the failing rows of all checks in tables _ff_failures_*."
)


@dataclass(frozen=True)
class Output:
    """The options of the output: its amount and its format."""

    quiet: bool = field(default=False, metadata=option("--quiet", "-q", is_flag=True, help="Print errors only."))
    verbosity: int = field(
        default=0,
        metadata=option(
            "--verbose",
            "-v",
            "verbosity",
            count=True,
            help="Print the reason of each decision, too; -vv: also each SQL statement, on stderr.",
        ),
    )
    as_json: bool = field(
        default=False,
        metadata=option(
            "--json", "as_json", is_flag=True, envvar="FFT_LOG_JSON", help="Print a JSON object for each event."
        ),
    )

    @property
    def shows_reasons(self) -> bool:
        """Whether reasons are shown for each model, besides that it is built."""
        return self.verbosity >= 1

    def of(self, project: ProjectOptions) -> ProjectOptions:
        """Return the options of a project, with statements shown if requested."""
        return replace(project, shows_statements=self.verbosity >= 2, as_json=self.as_json)


@dataclass(frozen=True)
class RunOptions:
    """The options that all commands with a build share."""

    planned: PlanOptions = field(metadata=included(PlanOptions))
    jobs: int | None = field(metadata=read_by(JOBS))
    keep_going: bool = field(
        metadata=option("--keep-going", is_flag=True, help="After a failure, build models that do not depend on it.")
    )
    offline: bool = field(
        metadata=option("--offline", is_flag=True, help="Answer HTTP requests of models from the cache only.")
    )
    store_failures: bool = field(metadata=read_by(STORE_FAILURES))
    scheduler: str | None = field(metadata=read_by(SCHEDULER))
    dry_run: bool = field(metadata=option("--dry-run", is_flag=True, help="Print the plan, and change nothing."))
    output: Output = field(metadata=included(Output))

    @property
    def plan(self) -> PlanOptions:
        """The options of the plan; statements are shown if the output includes them."""
        if self.offline:
            os.environ["FF_HTTP_OFFLINE"] = "1"  # as users set it
        project = replace(self.planned.project, stores_failures=self.store_failures)
        return replace(self.planned, project=self.output.of(project))
