"""The codes of all errors for users, as `FFT-110`: the title, cause and cure of each.

Messages end their first line with the code; `fft explain FFT-110` and docs/reference/errors.md show the rest.
"""

from __future__ import annotations

import re

from fft_core.error_codes.builds import BUILDS
from fft_core.error_codes.code import ErrorCode
from fft_core.error_codes.projects import PROJECTS
from fft_core.error_codes.requests import REQUESTS
from fft_core.error_codes.warehouses import WAREHOUSES

RANGES = {
    1: "Project files and models",
    2: "Profiles, connections and drivers",
    3: "Requests and the command line",
    4: "Builds",
    5: "Checks and unit tests",
    6: "Statements and engines",
    7: "Records and artifacts",
    8: "Streams",
    9: "Schedulers, the API and unexpected errors",
}
UNEXPECTED = "FFT-999"
ALL = (*PROJECTS, *REQUESTS, *BUILDS, *WAREHOUSES)
CODES = {str(code): code for code in ALL}


def find_code(text: str) -> ErrorCode | None:
    """Find a code as people write it; None if it does not exist.

    >>> str(find_code("fft110")), find_code("110").title, find_code("FFT-1")
    ('FFT-110', 'unknown ref', None)
    """
    found = re.fullmatch(r"\[?(?:fft)?[- ]?(\d{3})\]?", text.strip(), re.IGNORECASE)
    return CODES.get(f"FFT-{found[1]}") if found else None
