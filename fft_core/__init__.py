"""The core of FFT: projects, plans and warehouses, without any scheduler. Its public names, imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fft_core.artifacts.catalog import Catalog, read_catalog, write_catalog
    from fft_core.artifacts.files import write_json_file
    from fft_core.artifacts.manifest import Manifest, described_node, make_manifest, write_manifest
    from fft_core.artifacts.run_results import (
        CheckRunResult,
        HttpRunResult,
        NodeKind,
        NodeRunResult,
        RunError,
        RunResults,
        read_run_results,
        write_run_results,
    )
    from fft_core.checks.run import CheckFailedError, CheckResult, JudgedView
    from fft_core.checks.unit_test import DifferingRow, Mismatch
    from fft_core.checks.words import in_words
    from fft_core.comments import CommentChange, CommentPlan, plan_comments, write_comments
    from fft_core.docs.graph import Graph, graph_of
    from fft_core.docs.mermaid import mermaid
    from fft_core.docs.site import write_dag, write_docs
    from fft_core.engines.duckdb import duckdb_connection
    from fft_core.engines.lending import keep_databases, lend_databases
    from fft_core.errors import (
        ArtifactError,
        FftError,
        ModelError,
        ProfileError,
        ProjectError,
        RequiredColumnsError,
        StateError,
    )
    from fft_core.foreign_text import json_escaped, visible, visible_line
    from fft_core.forget import forget_all_builds, forget_builds, recorded_builds
    from fft_core.frames import frame_type_of, from_arrow, to_arrow
    from fft_core.freshness import FreshnessResult, select_sources, source_freshness
    from fft_core.identity import Subjects, project_subjects
    from fft_core.lint.findings import Finding, lint_project, problems_found
    from fft_core.lint.sarif import sarif_report
    from fft_core.masking import Masker
    from fft_core.model_rows import read_relation
    from fft_core.names import Relation
    from fft_core.orphans import Orphan, find_orphans, remove_orphans
    from fft_core.output_guard import OutputGuard, guarded_output
    from fft_core.plan.decide import CacheMode, Decision, Plan, Reason, Request
    from fft_core.project.cache import last_loaded
    from fft_core.project.install import InstalledPackage, install_packages
    from fft_core.project.leftovers import find_leftovers, remove_leftovers, shown_path
    from fft_core.project.live_views import LiveViews
    from fft_core.project.load import load_project
    from fft_core.project.model import Check, Model, Package, Project, Seed, Source, SourceName
    from fft_core.project.new import new_project
    from fft_core.project.profiles import load_profile
    from fft_core.project.python_file import model, ref, relation_for, source
    from fft_core.project.secret_values import environment_masker
    from fft_core.project.secrets import project_masker, warn_of_short_secrets
    from fft_core.project.select import select
    from fft_core.project.unit_test import UnitTest
    from fft_core.prune import prunable_versions, prune_snapshot
    from fft_core.publish import BuildResult, publish_frame
    from fft_core.rebuilder import Rebuilder, make_plan
    from fft_core.run import Run
    from fft_core.selection import select_checks, select_nodes
    from fft_core.show import Preview, find_node, inline_model, preview, rendered_sql
    from fft_core.slices import (
        PartitionColumn,
        PartitionExpression,
        Slice,
        TimeRange,
        Within,
        publish_slice,
        read_slice,
    )
    from fft_core.turn import ReuseResult, build_model, build_or_reuse, build_seed, check_node
    from fft_core.unit_tests import UnitTestResult, run_unit_tests, select_unit_tests
    from fft_core.warehouse import Warehouse, open_warehouse, planned_relations

_HOMES = {
    "ArtifactError": "errors",
    "BuildResult": "publish",
    "CacheMode": "plan.decide",
    "Catalog": "artifacts.catalog",
    "Check": "project.model",
    "CheckFailedError": "checks.run",
    "CheckResult": "checks.run",
    "CheckRunResult": "artifacts.run_results",
    "CommentChange": "comments",
    "CommentPlan": "comments",
    "Decision": "plan.decide",
    "DifferingRow": "checks.unit_test",
    "FftError": "errors",
    "Finding": "lint.findings",
    "FreshnessResult": "freshness",
    "Graph": "docs.graph",
    "HttpRunResult": "artifacts.run_results",
    "InstalledPackage": "project.install",
    "JudgedView": "checks.run",
    "LiveViews": "project.live_views",
    "Manifest": "artifacts.manifest",
    "Masker": "masking",
    "Mismatch": "checks.unit_test",
    "Model": "project.model",
    "ModelError": "errors",
    "NodeKind": "artifacts.run_results",
    "NodeRunResult": "artifacts.run_results",
    "Orphan": "orphans",
    "OutputGuard": "output_guard",
    "Package": "project.model",
    "PartitionColumn": "slices",
    "PartitionExpression": "slices",
    "Plan": "plan.decide",
    "Preview": "show",
    "ProfileError": "errors",
    "Project": "project.model",
    "ProjectError": "errors",
    "Reason": "plan.decide",
    "Rebuilder": "rebuilder",
    "Relation": "names",
    "Request": "plan.decide",
    "RequiredColumnsError": "errors",
    "ReuseResult": "turn",
    "Run": "run",
    "RunError": "artifacts.run_results",
    "RunResults": "artifacts.run_results",
    "Seed": "project.model",
    "Slice": "slices",
    "Source": "project.model",
    "SourceName": "project.model",
    "StateError": "errors",
    "Subjects": "identity",
    "TimeRange": "slices",
    "UnitTest": "project.unit_test",
    "UnitTestResult": "unit_tests",
    "Warehouse": "warehouse",
    "Within": "slices",
    "build_model": "turn",
    "build_or_reuse": "turn",
    "build_seed": "turn",
    "check_node": "turn",
    "described_node": "artifacts.manifest",
    "duckdb_connection": "engines.duckdb",
    "environment_masker": "project.secret_values",
    "find_leftovers": "project.leftovers",
    "find_node": "show",
    "find_orphans": "orphans",
    "forget_all_builds": "forget",
    "forget_builds": "forget",
    "frame_type_of": "frames",
    "from_arrow": "frames",
    "graph_of": "docs.graph",
    "guarded_output": "output_guard",
    "in_words": "checks.words",
    "inline_model": "show",
    "install_packages": "project.install",
    "json_escaped": "foreign_text",
    "keep_databases": "engines.lending",
    "last_loaded": "project.cache",
    "lend_databases": "engines.lending",
    "lint_project": "lint.findings",
    "load_profile": "project.profiles",
    "load_project": "project.load",
    "make_manifest": "artifacts.manifest",
    "make_plan": "rebuilder",
    "mermaid": "docs.mermaid",
    "model": "project.python_file",
    "new_project": "project.new",
    "open_warehouse": "warehouse",
    "plan_comments": "comments",
    "planned_relations": "warehouse",
    "preview": "show",
    "problems_found": "lint.findings",
    "project_masker": "project.secrets",
    "project_subjects": "identity",
    "prunable_versions": "prune",
    "prune_snapshot": "prune",
    "publish_frame": "publish",
    "publish_slice": "slices",
    "read_catalog": "artifacts.catalog",
    "read_relation": "model_rows",
    "read_run_results": "artifacts.run_results",
    "read_slice": "slices",
    "recorded_builds": "forget",
    "ref": "project.python_file",
    "relation_for": "project.python_file",
    "remove_leftovers": "project.leftovers",
    "remove_orphans": "orphans",
    "rendered_sql": "show",
    "run_unit_tests": "unit_tests",
    "sarif_report": "lint.sarif",
    "select": "project.select",
    "select_checks": "selection",
    "select_nodes": "selection",
    "select_sources": "freshness",
    "select_unit_tests": "unit_tests",
    "shown_path": "project.leftovers",
    "source": "project.python_file",
    "source_freshness": "freshness",
    "to_arrow": "frames",
    "visible": "foreign_text",
    "visible_line": "foreign_text",
    "warn_of_short_secrets": "project.secrets",
    "write_catalog": "artifacts.catalog",
    "write_comments": "comments",
    "write_dag": "docs.site",
    "write_docs": "docs.site",
    "write_json_file": "artifacts.files",
    "write_manifest": "artifacts.manifest",
    "write_run_results": "artifacts.run_results",
}

__all__ = [
    "ArtifactError",
    "BuildResult",
    "CacheMode",
    "Catalog",
    "Check",
    "CheckFailedError",
    "CheckResult",
    "CheckRunResult",
    "CommentChange",
    "CommentPlan",
    "Decision",
    "DifferingRow",
    "FftError",
    "Finding",
    "FreshnessResult",
    "Graph",
    "HttpRunResult",
    "InstalledPackage",
    "JudgedView",
    "LiveViews",
    "Manifest",
    "Masker",
    "Mismatch",
    "Model",
    "ModelError",
    "NodeKind",
    "NodeRunResult",
    "Orphan",
    "OutputGuard",
    "Package",
    "PartitionColumn",
    "PartitionExpression",
    "Plan",
    "Preview",
    "ProfileError",
    "Project",
    "ProjectError",
    "Reason",
    "Rebuilder",
    "Relation",
    "Request",
    "RequiredColumnsError",
    "ReuseResult",
    "Run",
    "RunError",
    "RunResults",
    "Seed",
    "Slice",
    "Source",
    "SourceName",
    "StateError",
    "Subjects",
    "TimeRange",
    "UnitTest",
    "UnitTestResult",
    "Warehouse",
    "Within",
    "build_model",
    "build_or_reuse",
    "build_seed",
    "check_node",
    "described_node",
    "duckdb_connection",
    "environment_masker",
    "find_leftovers",
    "find_node",
    "find_orphans",
    "forget_all_builds",
    "forget_builds",
    "frame_type_of",
    "from_arrow",
    "graph_of",
    "guarded_output",
    "in_words",
    "inline_model",
    "install_packages",
    "json_escaped",
    "keep_databases",
    "last_loaded",
    "lend_databases",
    "lint_project",
    "load_profile",
    "load_project",
    "make_manifest",
    "make_plan",
    "mermaid",
    "model",
    "new_project",
    "open_warehouse",
    "plan_comments",
    "planned_relations",
    "preview",
    "problems_found",
    "project_masker",
    "project_subjects",
    "prunable_versions",
    "prune_snapshot",
    "publish_frame",
    "publish_slice",
    "read_catalog",
    "read_relation",
    "read_run_results",
    "read_slice",
    "recorded_builds",
    "ref",
    "relation_for",
    "remove_leftovers",
    "remove_orphans",
    "rendered_sql",
    "run_unit_tests",
    "sarif_report",
    "select",
    "select_checks",
    "select_nodes",
    "select_sources",
    "select_unit_tests",
    "shown_path",
    "source",
    "source_freshness",
    "to_arrow",
    "visible",
    "visible_line",
    "warn_of_short_secrets",
    "write_catalog",
    "write_comments",
    "write_dag",
    "write_docs",
    "write_json_file",
    "write_manifest",
    "write_run_results",
]


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_core.{_HOMES[name]}"), name)
