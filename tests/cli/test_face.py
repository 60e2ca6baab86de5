"""The command line finds its scheduler by an entry point, of whichever package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_helpers import golden, installed_fft, shop

from fft_cli import face
from fft_core import FftError

FACE = """\
from fft_core import FftError

class Face:
    def run(self, project, work, planned):
        raise FftError(f"asked to run {' '.join(sorted(work.builds))} of {project.name}")
        yield

FACE = Face()
"""


def build_with(tmp_path: Path, module: str) -> tuple[int, str]:
    """Build a project where a package declares a scheduler that comes before dagster."""
    packages = tmp_path / "packages"
    info = packages / "another_scheduler-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another-scheduler\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fft.faces]\naaa = another_scheduler:FACE\n")
    (packages / "another_scheduler.py").write_text(module)
    command = [sys.executable, "-m", "fft_cli", "build", str(shop(tmp_path / "shop"))]
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_scheduler_of_another_package_is_asked_to_run(tmp_path: Path) -> None:
    code, said = build_with(tmp_path, FACE)
    assert code == 1
    assert "asked to run domains history names users of shop [FFT-400]" in said


def test_a_scheduler_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    code, said = build_with(tmp_path, "import nosuch\n")
    assert code == 1
    assert "the scheduler 'aaa' of another-scheduler 1.0 cannot be loaded: ModuleNotFoundError: No module" in said
    assert "hint: It is declared as 'another_scheduler:FACE'." in said
    assert "Traceback" not in said


def test_without_a_scheduler_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "GROUP", "fft.faces.of_nobody")
    with pytest.raises(FftError, match="no scheduler is installed") as raised:
        face.face()
    assert raised.value.problem.hint == "pip install fft-dagster"


def test_the_scheduler_is_found_as_engines_are() -> None:
    """Without `importlib.metadata`, which takes longer to import than a small plan."""
    code = "import sys; from fft_core.engines.spec.entry_points import declared; "
    code += "print(declared('fft.faces')['dagster'][0].value, 'importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "fft_dagster.face:FACE False\n"


def test_a_scheduler_that_is_not_installed_is_refused_before_anything_is_planned(tmp_path: Path) -> None:
    """Also if there is nothing to build, and the scheduler would not be needed."""
    root = shop(tmp_path)
    assert installed_fft("build", root).code == 0
    for arguments in ([], ["--rebuild", "users"], ["--dry-run"]):
        wrong = installed_fft("build", root, "--with", "dagstr", *arguments)
        assert (wrong.code, wrong.out) == (2, "")
        assert golden(wrong.err) == [
            "error: --with 'dagstr': this scheduler is not installed [FFT-305]",
            "hint: Did you mean 'dagster'?",
        ]
