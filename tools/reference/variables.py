"""The environment variables of engines."""

from __future__ import annotations

from tools.reference.keys import split_default
from tools.reference.project_files import default_of, our_specs


def engines() -> str:
    """Return the table of the variables that override settings of a profile."""
    lines = ["| variable | wins over | default | meaning |", "|---|---|---|---|"]
    for spec in our_specs():
        for key, setting in spec.settings.items():
            meaning, default = split_default(setting.description)
            default = "" if setting.required else default or default_of(setting)
            lines.append(f"| `{setting.variable}` | `{spec.name}.{key}` | {default} | {meaning} |")
        limit = f"`query_limits.{spec.name}` of budgets.yml"
        said = "A query that is expected to read more bytes is not run."
        lines.append(f"| `{spec.variables}MAX_BYTES` | {limit} |  | {said} |")
    return "\n".join(lines)
