"""The core of FFT: projects, plans and warehouses, without any scheduler. Its public names, imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers: "X as X" is how they are told that a name is handed on
    from fft_core.build.publish import BuildResult as BuildResult
    from fft_core.build.publish import publish_frame as publish_frame
    from fft_core.build.rows import read_relation as read_relation
    from fft_core.build.slices import PartitionColumn as PartitionColumn
    from fft_core.build.slices import PartitionExpression as PartitionExpression
    from fft_core.build.slices import Slice as Slice
    from fft_core.build.slices import TimeRange as TimeRange
    from fft_core.build.slices import Within as Within
    from fft_core.build.slices import publish_slice as publish_slice
    from fft_core.build.slices import read_slice as read_slice
    from fft_core.checks.run import CheckFailedError as CheckFailedError
    from fft_core.checks.run import CheckResult as CheckResult
    from fft_core.checks.run import JudgedView as JudgedView
    from fft_core.checks.words import in_words as in_words
    from fft_core.compile.identity import Identities as Identities
    from fft_core.compile.identity import project_identities as project_identities
    from fft_core.engines.duckdb.session import duckdb_connection as duckdb_connection
    from fft_core.engines.lending import keep_databases as keep_databases
    from fft_core.engines.lending import lend_databases as lend_databases
    from fft_core.engines.spec import EngineSpec as EngineSpec
    from fft_core.engines.spec.frames import frame_type_of as frame_type_of
    from fft_core.engines.spec.masking import Masker as Masker
    from fft_core.engines.spec.registry import default_engine as default_engine
    from fft_core.engines.spec.registry import installed_specs as installed_specs
    from fft_core.engines.spec.registry import spec_of as spec_of
    from fft_core.errors import ArtifactError as ArtifactError
    from fft_core.errors import FftError as FftError
    from fft_core.errors import ModelError as ModelError
    from fft_core.errors import ProfileError as ProfileError
    from fft_core.errors import ProjectError as ProjectError
    from fft_core.errors import RequiredColumnsError as RequiredColumnsError
    from fft_core.errors import StateError as StateError
    from fft_core.frames import from_arrow as from_arrow
    from fft_core.frames import to_arrow as to_arrow
    from fft_core.json_files import write_json_file as write_json_file
    from fft_core.json_files import write_text_file as write_text_file
    from fft_core.names import Relation as Relation
    from fft_core.names.text import json_escaped as json_escaped
    from fft_core.names.text import visible as visible
    from fft_core.names.text import visible_line as visible_line
    from fft_core.operations.comments import CommentChange as CommentChange
    from fft_core.operations.comments import CommentPlan as CommentPlan
    from fft_core.operations.comments import plan_comments as plan_comments
    from fft_core.operations.comments import write_comments as write_comments
    from fft_core.operations.forget import forget_all_builds as forget_all_builds
    from fft_core.operations.forget import forget_builds as forget_builds
    from fft_core.operations.forget import recorded_builds as recorded_builds
    from fft_core.operations.freshness import FreshnessResult as FreshnessResult
    from fft_core.operations.freshness import source_freshness as source_freshness
    from fft_core.operations.orphans import Orphan as Orphan
    from fft_core.operations.orphans import find_orphans as find_orphans
    from fft_core.operations.orphans import remove_orphans as remove_orphans
    from fft_core.operations.preview import Preview as Preview
    from fft_core.operations.preview import find_node as find_node
    from fft_core.operations.preview import inline_model as inline_model
    from fft_core.operations.preview import preview as preview
    from fft_core.operations.preview import rendered_sql as rendered_sql
    from fft_core.operations.prune import prunable_versions as prunable_versions
    from fft_core.operations.prune import prune_snapshot as prune_snapshot
    from fft_core.plan.decide import CacheMode as CacheMode
    from fft_core.plan.decide import Decision as Decision
    from fft_core.plan.decide import Plan as Plan
    from fft_core.plan.decide import Reason as Reason
    from fft_core.plan.decide import Request as Request
    from fft_core.project.model import Check as Check
    from fft_core.project.model import Model as Model
    from fft_core.project.model import Package as Package
    from fft_core.project.model import Project as Project
    from fft_core.project.model import Seed as Seed
    from fft_core.project.model import Source as Source
    from fft_core.project.model import SourceName as SourceName
    from fft_core.project.model import UnitTest as UnitTest
    from fft_core.project.packages.install import InstalledPackage as InstalledPackage
    from fft_core.project.packages.install import install_packages as install_packages
    from fft_core.project.profile.profiles import load_profile as load_profile
    from fft_core.project.profile.secret_values import environment_masker as environment_masker
    from fft_core.project.profile.secrets import project_masker as project_masker
    from fft_core.project.profile.secrets import warn_of_short_secrets as warn_of_short_secrets
    from fft_core.project.read.cache import last_loaded as last_loaded
    from fft_core.project.read.load import load_project as load_project
    from fft_core.project.read.python_file import model as model
    from fft_core.project.read.python_file import ref as ref
    from fft_core.project.read.python_file import relation_for as relation_for
    from fft_core.project.read.python_file import source as source
    from fft_core.project.scaffold.leftovers import find_leftovers as find_leftovers
    from fft_core.project.scaffold.leftovers import remove_leftovers as remove_leftovers
    from fft_core.project.scaffold.leftovers import shown_path as shown_path
    from fft_core.project.scaffold.new import new_project as new_project
    from fft_core.reports.catalog import Catalog as Catalog
    from fft_core.reports.catalog import read_catalog as read_catalog
    from fft_core.reports.catalog import write_catalog as write_catalog
    from fft_core.reports.lint.findings import Finding as Finding
    from fft_core.reports.lint.findings import lint_project as lint_project
    from fft_core.reports.lint.findings import problems_found as problems_found
    from fft_core.reports.lint.sarif import sarif_report as sarif_report
    from fft_core.reports.manifest import Manifest as Manifest
    from fft_core.reports.manifest import described_node as described_node
    from fft_core.reports.manifest import make_manifest as make_manifest
    from fft_core.reports.manifest import write_manifest as write_manifest
    from fft_core.reports.site.graph import Graph as Graph
    from fft_core.reports.site.graph import graph_of as graph_of
    from fft_core.reports.site.mermaid import mermaid as mermaid
    from fft_core.reports.site.site import write_dag as write_dag
    from fft_core.reports.site.site import write_docs as write_docs
    from fft_core.run.live_views import LiveViews as LiveViews
    from fft_core.run.outcomes import StepEnded as StepEnded
    from fft_core.run.outcomes import StepStarted as StepStarted
    from fft_core.run.outcomes import ended_with_checks as ended_with_checks
    from fft_core.run.outcomes import ended_with_error as ended_with_error
    from fft_core.run.outcomes import ended_with_rows as ended_with_rows
    from fft_core.run.outcomes import not_started as not_started
    from fft_core.run.outcomes import with_checks as with_checks
    from fft_core.run.output_guard import OutputGuard as OutputGuard
    from fft_core.run.output_guard import guarded_output as guarded_output
    from fft_core.run.rebuilder import Rebuilder as Rebuilder
    from fft_core.run.rebuilder import make_plan as make_plan
    from fft_core.run.results import CheckRunResult as CheckRunResult
    from fft_core.run.results import HttpRunResult as HttpRunResult
    from fft_core.run.results import NodeKind as NodeKind
    from fft_core.run.results import NodeRunResult as NodeRunResult
    from fft_core.run.results import RunError as RunError
    from fft_core.run.results import RunResults as RunResults
    from fft_core.run.results import read_run_results as read_run_results
    from fft_core.run.results import write_run_results as write_run_results
    from fft_core.run.run import Run as Run
    from fft_core.run.select.facts import select_checks as select_checks
    from fft_core.run.select.facts import select_nodes as select_nodes
    from fft_core.run.select.grammar import select as select
    from fft_core.run.select.grammar import split_last_term as split_last_term
    from fft_core.run.select.sources import select_sources as select_sources
    from fft_core.run.turn import ReuseResult as ReuseResult
    from fft_core.run.turn import build_model as build_model
    from fft_core.run.turn import build_or_reuse as build_or_reuse
    from fft_core.run.turn import build_seed as build_seed
    from fft_core.run.turn import check_node as check_node
    from fft_core.unit_tests.compare import DifferingRow as DifferingRow
    from fft_core.unit_tests.compare import Mismatch as Mismatch
    from fft_core.unit_tests.run import UnitTestResult as UnitTestResult
    from fft_core.unit_tests.run import run_unit_tests as run_unit_tests
    from fft_core.unit_tests.run import select_unit_tests as select_unit_tests
    from fft_core.warehouse.warehouse import Warehouse as Warehouse
    from fft_core.warehouse.warehouse import open_warehouse as open_warehouse
    from fft_core.warehouse.warehouse import planned_relations as planned_relations

# Where the public names are: each is imported when somebody first asks for it.
_HOMES = {
    name: home
    for home, names in {
        "build.publish": "BuildResult publish_frame",
        "build.rows": "read_relation",
        "build.slices": "PartitionColumn PartitionExpression Slice TimeRange Within publish_slice read_slice",
        "checks.run": "CheckFailedError CheckResult JudgedView",
        "checks.words": "in_words",
        "compile.identity": "Identities project_identities",
        "engines.duckdb.session": "duckdb_connection",
        "engines.lending": "keep_databases lend_databases",
        "engines.spec": "EngineSpec",
        "engines.spec.frames": "frame_type_of",
        "engines.spec.masking": "Masker",
        "engines.spec.registry": "default_engine installed_specs spec_of",
        "errors": "ArtifactError FftError ModelError ProfileError ProjectError RequiredColumnsError StateError",
        "frames": "from_arrow to_arrow",
        "json_files": "write_json_file write_text_file",
        "names": "Relation",
        "names.text": "json_escaped visible visible_line",
        "operations.comments": "CommentChange CommentPlan plan_comments write_comments",
        "operations.forget": "forget_all_builds forget_builds recorded_builds",
        "operations.freshness": "FreshnessResult source_freshness",
        "operations.orphans": "Orphan find_orphans remove_orphans",
        "operations.preview": "Preview find_node inline_model preview rendered_sql",
        "operations.prune": "prunable_versions prune_snapshot",
        "plan.decide": "CacheMode Decision Plan Reason Request",
        "project.model": "Check Model Package Project Seed Source SourceName UnitTest",
        "project.packages.install": "InstalledPackage install_packages",
        "project.profile.profiles": "load_profile",
        "project.profile.secret_values": "environment_masker",
        "project.profile.secrets": "project_masker warn_of_short_secrets",
        "project.read.cache": "last_loaded",
        "project.read.load": "load_project",
        "project.read.python_file": "model ref relation_for source",
        "project.scaffold.leftovers": "find_leftovers remove_leftovers shown_path",
        "project.scaffold.new": "new_project",
        "reports.catalog": "Catalog read_catalog write_catalog",
        "reports.lint.findings": "Finding lint_project problems_found",
        "reports.lint.sarif": "sarif_report",
        "reports.manifest": "Manifest described_node make_manifest write_manifest",
        "reports.site.graph": "Graph graph_of",
        "reports.site.mermaid": "mermaid",
        "reports.site.site": "write_dag write_docs",
        "run.live_views": "LiveViews",
        "run.outcomes": (
            "StepEnded StepStarted ended_with_checks ended_with_error ended_with_rows not_started with_checks"
        ),
        "run.output_guard": "OutputGuard guarded_output",
        "run.rebuilder": "Rebuilder make_plan",
        "run.results": (
            "CheckRunResult HttpRunResult NodeKind NodeRunResult RunError RunResults read_run_results write_run_results"
        ),
        "run.run": "Run",
        "run.select.facts": "select_checks select_nodes",
        "run.select.sources": "select_sources",
        "run.select.grammar": "select split_last_term",
        "run.turn": "ReuseResult build_model build_or_reuse build_seed check_node",
        "unit_tests.compare": "DifferingRow Mismatch",
        "unit_tests.run": "UnitTestResult run_unit_tests select_unit_tests",
        "warehouse.warehouse": "Warehouse open_warehouse planned_relations",
    }.items()
    for name in names.split()
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_core.{_HOMES[name]}"), name)
