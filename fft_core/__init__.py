"""The core of FFT: projects, plans and warehouses, without any scheduler. These are its public names."""

from fft_core.build import BuildResult, build_model, build_seed, check_node
from fft_core.checks.run import CheckFailedError, CheckResult
from fft_core.errors import FftError, ProfileError, ProjectError, RequiredColumnsError
from fft_core.project.load import load_project
from fft_core.project.model import Project
from fft_core.project.python_file import model, ref, relation_for, source
from fft_core.warehouse import Warehouse, open_warehouse

__all__ = [
    "BuildResult",
    "CheckFailedError",
    "CheckResult",
    "FftError",
    "ProfileError",
    "Project",
    "ProjectError",
    "RequiredColumnsError",
    "Warehouse",
    "build_model",
    "build_seed",
    "check_node",
    "load_project",
    "model",
    "open_warehouse",
    "ref",
    "relation_for",
    "source",
]
