"""The public names of the packages: their signatures, docstrings and examples."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.reference.docstrings import as_markdown, summary
from tools.reference.parts import Maker
from tools.reference.signatures import signature_of

# The headings of `fft_core`, with the names below each.
_CORE: Mapping[str, str] = {
    "Load, plan and build": "load_project Run Request select make_plan preview run_unit_tests source_freshness",
    "The database": "open_warehouse Warehouse Relation read_relation publish_frame to_arrow from_arrow",
    "Python models": "model ref relation_for source",
    "Values": "Project Model Seed Source SourceName Plan Decision ReuseResult",
    "Exceptions": ("FftError ProjectError ProfileError ModelError RequiredColumnsError CheckFailedError StateError"),
}
_DAGSTER: Mapping[str, str] = {
    "Definitions": "build_definitions project_definitions FftTranslator asset_selection",
    "Parts of definitions": (
        "project_assets source_specs source_checks freshness_checks unit_test_specs unit_test_checks"
        " unit_test_selection stream_sensor gated Gated"
    ),
    "Resources": (
        "warehouse_resource WarehouseSessions ProjectWarehouses fft_io_manager FftIOManager FftDuckDBResource"
    ),
    "Execution": "thread_executor interruptible",
}
_PREFECT: Mapping[str, str] = {"Flows": "project_flow FftTranslator"}
# The members that are part of a class's interface; of other classes, the signature has the attributes.
_MEMBERS: Mapping[str, str] = {
    "fft_core.Run": "order build check plan open",
    "fft_core.Warehouse": "relation session close",
    "fft_core.Project": "order node checks_of",
    "fft_core.Plan": "builds to_json",
    "fft_core.Decision": "is_build to_json",
    "fft_core.streaming.Source": "said poll backlog end close offsets",
    "fft_core.streaming.StreamSessionizer": "target process_batch process close",
    "fft_dagster.FftDuckDBResource": "of get_connection",
    "fft_dagster.FftIOManager": "handle_output load_input",
    "fft_dagster.WarehouseSessions": "session run close",
    "fft_dagster.ProjectWarehouses": "session run close",
    "fft_dagster.FftTranslator": (
        "get_asset_key get_group_name get_kinds get_tags get_owners get_description get_metadata"
        " get_automation_condition get_pool get_op_tags get_retry_policy get_asset_spec get_check_spec is_gate"
        " get_freshness_spec"
    ),
    "fft_prefect.FftTranslator": (
        "get_task_name get_tags get_asset_key get_description get_owners get_concurrency_limit get_retries"
    ),
}

# The constants, with the modules that assign them: a text below the assignment describes each.
_CONSTANTS: Mapping[str, str] = {
    "fft_core.streaming.Position": "fft_core.streaming.source",
    "fft_core.testing.LEVELS": "fft_core.testing.claims",
}


def grouped(package: str, groups: Mapping[str, str]) -> str:
    """Return the sections of a package, below a heading for each group.

    Raises:
        ValueError: a public name is in no group, or a group has another name.
    """
    module = import_module(package)
    listed = [name for names in groups.values() for name in names.split()]
    if sorted(listed) != sorted(module.__all__):
        raise ValueError(f"{package}: these names are in one place only: {set(listed) ^ {*module.__all__}}")
    parts = list[str]()
    for heading, names in groups.items():
        parts += [f"## {heading}", *(_section(module, name) for name in names.split())]
    return "\n\n".join(parts)


def _listed(package: str) -> str:
    """Return the sections of a package in alphabetical order; their headings begin with its last name."""
    module = import_module(package)
    prefix = f"{package.rpartition('.')[2]}."
    return "\n\n".join(_section(module, name, prefix) for name in sorted(module.__all__, key=str.lower))


PARTS: Mapping[str, Mapping[str, Maker]] = {
    "reference/python-api.md": {
        "fft_core": partial(grouped, "fft_core", _CORE),
        "fft_core.streaming": partial(_listed, "fft_core.streaming"),
        "fft_core.testing": partial(_listed, "fft_core.testing"),
    },
    "reference/dagster-api.md": {"fft_dagster": partial(grouped, "fft_dagster", _DAGSTER)},
    "reference/prefect-api.md": {"fft_prefect": partial(grouped, "fft_prefect", _PREFECT)},
}


def _section(module: ModuleType, name: str, prefix: str = "") -> str:
    value = getattr(module, name)
    told = _docstring_of(module, name, value)
    parts = [
        f"### {_heading(f'{prefix}{name}', value)}",
        f"```py\n{_shown(name, value, module)}\n```",
        as_markdown(told),
    ]
    parts += _members(module, name, value)
    return "\n\n".join(parts)


def _heading(name: str, value: Any) -> str:
    if inspect.isclass(value):
        return f"class {name}"
    return f"{name}()" if inspect.isfunction(value) else name


def _shown(name: str, value: Any, module: ModuleType) -> str:
    """Return the signature; of an exception, a protocol and a class of tests, the base classes."""
    if inspect.isclass(value):
        if issubclass(value, BaseException) or not _is_constructed(value):
            return f"class {name}({value.__bases__[0].__name__})"
        return signature_of(name, value, prefix="class ")
    if inspect.isfunction(value):
        return signature_of(name, value, prefix="def ")
    return f"{name}: {_kind(module, name, value)}"


def _is_constructed(value: type) -> bool:
    """Return whether programs make objects of a class by calling it with arguments."""
    return not getattr(value, "_is_protocol", False) and "engine_contract" not in value.__module__


def _kind(module: ModuleType, name: str, value: Any) -> str:
    """Return the annotation of a constant in its source, or the name of its class."""
    if (home := _CONSTANTS.get(f"{module.__name__}.{name}")) is None:
        return f"{'dg.' if type(value).__module__.startswith('dagster.') else ''}{type(value).__name__}"
    assignment, _ = _constant(home, name)
    annotation = ast.unparse(assignment.annotation)
    if annotation == "TypeAlias" and assignment.value is not None:
        return f"TypeAlias = {ast.unparse(assignment.value)}"
    return annotation


def _docstring_of(module: ModuleType, name: str, value: Any) -> str:
    """Return the docstring of a value; of a constant, the text below it in its source.

    Raises:
        ValueError: there is none.
    """
    home = _CONSTANTS.get(f"{module.__name__}.{name}")
    told = inspect.getdoc(value) if home is None else _constant(home, name)[1]
    if not told:
        raise ValueError(f"{module.__name__}.{name} has no docstring")
    return told


def _constant(home: str, name: str) -> tuple[ast.AnnAssign, str]:
    """Return the assignment of a constant, and the text below it.

    Raises:
        ValueError: the module does not assign it with an annotation, or the text is missing.
    """
    body = ast.parse(Path(str(import_module(home).__file__)).read_text(encoding="utf-8")).body
    for assignment, below in pairwise(body):
        match assignment, below:
            case ast.AnnAssign(target=ast.Name(id=found)), ast.Expr(value=ast.Constant(value=str(text))) if (
                found == name
            ):
                return assignment, text
    raise ValueError(f"{home}: there is no {name} with a text below it")


def _members(module: ModuleType, name: str, value: Any) -> Sequence[str]:
    names = _MEMBERS.get(f"{module.__name__}.{name}", "").split()
    return ["Members:", "\n".join(_member_lines(value, names))] if names else []


def _member_lines(owner: type, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        member = inspect.getattr_static(owner, name)
        told = inspect.getdoc(getattr(owner, name))
        if not told:
            raise ValueError(f"{owner.__module__}.{owner.__name__}.{name} has no docstring")
        is_property = isinstance(member, property)
        shown = name if is_property else " ".join(signature_of(name, getattr(owner, name)).split())
        yield f"- `{shown.replace('( ', '(').replace(', )', ')')}`: {summary(told)}"
