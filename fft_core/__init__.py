"""The core of FFT: projects, plans and warehouses, without any scheduler. These are its public names."""

from fft_core.artifacts.catalog import Catalog, read_catalog, write_catalog
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
from fft_core.build import (
    BuildResult,
    ReuseResult,
    build_model,
    build_or_reuse,
    build_seed,
    check_node,
    publish_frame,
    read_relation,
)
from fft_core.checks.run import CheckFailedError, CheckResult
from fft_core.checks.words import in_words
from fft_core.comments import CommentChange, CommentPlan, plan_comments, write_comments
from fft_core.docs.graph import Graph, graph_of
from fft_core.docs.mermaid import mermaid
from fft_core.docs.site import write_dag, write_docs
from fft_core.errors import (
    ArtifactError,
    FftError,
    ModelError,
    ProfileError,
    ProjectError,
    RequiredColumnsError,
    StateError,
)
from fft_core.frames import frame_type_of, from_arrow, to_arrow
from fft_core.names import Relation
from fft_core.plan.decide import CacheMode, Decision, Plan, Reason, Request
from fft_core.planner import Rebuilder, Subjects, make_plan, project_subjects
from fft_core.project.environment import without_secrets
from fft_core.project.load import load_project
from fft_core.project.model import Check, Model, Project, Seed, Source, SourceName
from fft_core.project.python_file import model, ref, relation_for, source
from fft_core.project.select import select
from fft_core.prune import prunable_versions, prune_snapshot
from fft_core.selection import select_checks, select_nodes
from fft_core.warehouse import Warehouse, open_warehouse, planned_relations

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
    "FftError",
    "Graph",
    "HttpRunResult",
    "Manifest",
    "Model",
    "ModelError",
    "NodeKind",
    "NodeRunResult",
    "Plan",
    "ProfileError",
    "Project",
    "ProjectError",
    "Reason",
    "Rebuilder",
    "Relation",
    "Request",
    "RequiredColumnsError",
    "ReuseResult",
    "RunError",
    "RunResults",
    "Seed",
    "Source",
    "SourceName",
    "StateError",
    "Subjects",
    "Warehouse",
    "build_model",
    "build_or_reuse",
    "build_seed",
    "check_node",
    "described_node",
    "frame_type_of",
    "from_arrow",
    "graph_of",
    "in_words",
    "load_project",
    "make_manifest",
    "make_plan",
    "mermaid",
    "model",
    "open_warehouse",
    "plan_comments",
    "planned_relations",
    "project_subjects",
    "prunable_versions",
    "prune_snapshot",
    "publish_frame",
    "read_catalog",
    "read_relation",
    "read_run_results",
    "ref",
    "relation_for",
    "select",
    "select_checks",
    "select_nodes",
    "source",
    "to_arrow",
    "without_secrets",
    "write_catalog",
    "write_comments",
    "write_dag",
    "write_docs",
    "write_manifest",
    "write_run_results",
]
