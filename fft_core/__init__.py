"""The core of FFT: projects, plans and warehouses, without any scheduler. Its public names, imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from fft_core.errors import FftError, ModelError, ProfileError, ProjectError, RequiredColumnsError, StateError
    from fft_core.forget import forget_builds, recorded_builds
    from fft_core.frames import frame_type_of, from_arrow, to_arrow
    from fft_core.names import Relation
    from fft_core.plan.decide import CacheMode, Decision, Plan, Reason, Request
    from fft_core.planner import Rebuilder, Subjects, keeps, make_plan, project_subjects
    from fft_core.project.cache import last_loaded
    from fft_core.project.install import InstalledPackage, install_packages
    from fft_core.project.leftovers import find_leftovers, remove_leftovers
    from fft_core.project.load import load_project
    from fft_core.project.model import Check, Model, Package, Project, Seed, Source, SourceName
    from fft_core.project.new import new_project
    from fft_core.project.python_file import model, ref, relation_for, source
    from fft_core.project.select import select
    from fft_core.warehouse import Warehouse, open_warehouse, planned_relations

_HOMES = {
    "BuildResult": "build",
    "CacheMode": "plan.decide",
    "Check": "project.model",
    "CheckFailedError": "checks.run",
    "CheckResult": "checks.run",
    "Decision": "plan.decide",
    "FftError": "errors",
    "InstalledPackage": "project.install",
    "Model": "project.model",
    "ModelError": "errors",
    "Package": "project.model",
    "Plan": "plan.decide",
    "ProfileError": "errors",
    "Project": "project.model",
    "ProjectError": "errors",
    "Reason": "plan.decide",
    "Rebuilder": "planner",
    "Relation": "names",
    "Request": "plan.decide",
    "RequiredColumnsError": "errors",
    "ReuseResult": "build",
    "Seed": "project.model",
    "Source": "project.model",
    "SourceName": "project.model",
    "StateError": "errors",
    "Subjects": "planner",
    "Warehouse": "warehouse",
    "build_model": "build",
    "build_or_reuse": "build",
    "build_seed": "build",
    "check_node": "build",
    "find_leftovers": "project.leftovers",
    "forget_builds": "forget",
    "frame_type_of": "frames",
    "from_arrow": "frames",
    "in_words": "checks.words",
    "install_packages": "project.install",
    "keeps": "planner",
    "last_loaded": "project.cache",
    "load_project": "project.load",
    "make_plan": "planner",
    "model": "project.python_file",
    "new_project": "project.new",
    "open_warehouse": "warehouse",
    "planned_relations": "warehouse",
    "project_subjects": "planner",
    "publish_frame": "build",
    "read_relation": "build",
    "recorded_builds": "forget",
    "ref": "project.python_file",
    "relation_for": "project.python_file",
    "remove_leftovers": "project.leftovers",
    "select": "project.select",
    "source": "project.python_file",
    "to_arrow": "frames",
}

__all__ = [
    "BuildResult",
    "CacheMode",
    "Check",
    "CheckFailedError",
    "CheckResult",
    "Decision",
    "FftError",
    "InstalledPackage",
    "Model",
    "ModelError",
    "Package",
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
    "find_leftovers",
    "forget_builds",
    "frame_type_of",
    "from_arrow",
    "in_words",
    "install_packages",
    "keeps",
    "last_loaded",
    "load_project",
    "make_plan",
    "model",
    "new_project",
    "open_warehouse",
    "planned_relations",
    "project_subjects",
    "publish_frame",
    "read_relation",
    "recorded_builds",
    "ref",
    "relation_for",
    "remove_leftovers",
    "select",
    "source",
    "to_arrow",
]


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_core.{_HOMES[name]}"), name)
