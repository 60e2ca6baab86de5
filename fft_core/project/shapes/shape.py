"""What all shapes have in common: a mapping whose unknown keys are errors; kinds of texts and numbers."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from fft_core.foreign_text import visible_line


class Shape(BaseModel):
    """A mapping in a file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _tell_known_keys(cls, content: Any, info: ValidationInfo) -> Any:
        """Note which keys this mapping may have, for the hint beside an unknown one."""
        if info.context is not None:
            info.context[id(content)] = [field.alias or name for name, field in cls.model_fields.items()]
        return content


def _owner(text: str) -> str:
    if not re.fullmatch(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", text):
        raise ValueError(f"{text!r} is not an owner; write an e-mail address, or team:name")
    return text


def _name(text: str) -> str:
    if visible_line(text) != text:
        raise ValueError(f"{visible_line(text)!r} has a control character in it, or one that is not seen")
    return text


Name = Annotated[str, AfterValidator(_name)]
Owner = Annotated[str, AfterValidator(_owner)]


def _finite(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # Any: whatever YAML holds
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number (YAML reads yes and no as true and false)")
    number = read(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("a finite number is wanted: .nan and .inf are none")
    return value if isinstance(value, int) else number  # a large one is not the nearest float


Number = WrapValidator(_finite)
Filled = Annotated[str, Field(min_length=1)]
Names = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else as_list(value))]


def as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple | set | frozenset) else value
