"""The core of FFT: projects, plans and warehouses, without any scheduler. These are its public names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from fft_core.frames import frame_type_of, from_arrow, to_arrow
from fft_core.names import Relation
from fft_core.plan.decide import CacheMode, Decision, Plan, Reason, Request
from fft_core.planner import Rebuilder, Subjects, keeps, make_plan, project_subjects
from fft_core.project.cache import last_loaded
from fft_core.project.load import load_project
from fft_core.project.model import Check, Model, Package, Project, Seed, Source, SourceName
from fft_core.project.python_file import model, ref, relation_for, source
from fft_core.project.select import select
from fft_core.warehouse import Warehouse, open_warehouse, planned_relations

if TYPE_CHECKING:
    from fft_core.forget import forget_builds, recorded_builds
    from fft_core.project.install import InstalledPackage, install_packages
    from fft_core.project.leftovers import find_leftovers, remove_leftovers
    from fft_core.project.new import new_project

# What few need: imported on first use, so that a plan does not pay for it.
_LATER = {
    "InstalledPackage": "project.install",
    "find_leftovers": "project.leftovers",
    "forget_builds": "forget",
    "install_packages": "project.install",
    "new_project": "project.new",
    "recorded_builds": "forget",
    "remove_leftovers": "project.leftovers",
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
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_core.{_LATER[name]}"), name)
