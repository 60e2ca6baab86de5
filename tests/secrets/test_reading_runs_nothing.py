"""Completing a name, listing and linting run nothing of a project, whoever wrote it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fft_process import FFT, run_process

from fft_core import FftError, load_project
from fft_core.project.read.cache import last_loaded

# Each would make the file `ran` in the project's folder.
COMMAND = "touch {root}/ran"
PROFILES = [
    "dev: {{engine: \"{{{{ cycler.__init__.__globals__.os.system('{command}') }}}}duckdb\"}}\n",
    "dev: {{engine: \"{{{{ lipsum.__globals__['os'].system('{command}') }}}}duckdb\"}}\n",
    "dev: {{engine: \"{{{{ ''.__class__.__mro__[1].__subclasses__() }}}}duckdb\"}}\n",
    "dev: {{engine: \"{{{{ env.__globals__['__builtins__'].eval('{command}') }}}}duckdb\"}}\n",
    "dev: {{engine: \"{{{{ project_dir.__globals__.__builtins__.open('{root}/ran', 'w') }}}}duckdb\"}}\n",
    "dev: {{engine: \"{{{{ ('%s' | attr('__class__')).__mro__ }}}}duckdb\"}}\n",
    "dev: {{engine: !!python/object/apply:os.system ['{command}']}}\n",
    "dev: {{engine: !!python/name:os.system}}\n",
    "dev: {{engine: duckdb, duckdb: {{path: !!python/object/new:os.system ['{command}']}}}}\n",
]
MODEL = "import os\nos.system('{command}')\nfrom fft_core import model\n\n@model(deps=[])\ndef m():\n    return None\n"


def project(root: Path, profile: str) -> Path:
    given = {"root": root, "command": COMMAND.format(root=root)}
    files = {
        "project.yml": "name: p\nversion: '1'\n",
        "profiles.yml": profile.format(**given),
        "models/m.ff.py": MODEL.format(**given),
        "models/n.ff.sql": f"select {{{{ cycler.__init__.__globals__.os.system('{given['command']}') }}}}",
        "models/conftest.py": f"import os\nos.system('{given['command']}')\n",
        "sitecustomize.py": f"import os\nos.system('{given['command']}')\n",
        ".env": f"A=$({given['command']})\nB=`{given['command']}`\nC=${{A}}\nFFT_CACHE_DIR={root}/.cache\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def complete(root: Path) -> str:
    """Press TAB in the project's folder."""
    words = {"_FFT_COMPLETE": "bash_complete", "COMP_WORDS": "fft plan --select ", "COMP_CWORD": "3"}
    finished = run_process(FFT, cwd=root, environment={**os.environ, **words})
    finished.check_returncode()
    return finished.stdout


@pytest.mark.parametrize("number", range(len(PROFILES)))
def test_a_profile_runs_nothing(number: int, tmp_path: Path) -> None:
    root = project(tmp_path, PROFILES[number])
    with pytest.raises(FftError):
        load_project(root)
    assert not (root / "ran").exists()
    assert complete(root).strip() == ""
    assert not (root / "ran").exists()


def test_a_profile_may_compute(tmp_path: Path) -> None:
    text = "dev: {{engine: \"{{{{ env('E', 'duck') | lower }}}}{{{{ 'd' + 'b' if project_dir() else '' }}}}\"}}\n"
    assert load_project(project(tmp_path, text)).engine == "duckdb"


def test_completion_listing_and_linting_run_no_model(tmp_path: Path) -> None:
    root = project(tmp_path, "dev: {{engine: duckdb}}\n")
    assert complete(root).splitlines() == ["plain,m", "plain,n"]
    assert last_loaded(root) is not None
    assert complete(root).splitlines() == ["plain,m", "plain,n"]
    for command in ("ls", "dag"):
        ended = run_process(FFT, command, root)
        assert ended.returncode == 0, ended.stderr
    assert not (root / "ran").exists()
    assert not (root / ".cache").exists()


def test_names_that_would_act_on_the_terminal_are_not_offered(tmp_path: Path) -> None:
    root = project(tmp_path, "dev: {{engine: duckdb}}\n")
    about = 'version: 2\nmodels: [{name: n, description: "\\x1b]0;owned\\x07 it", tags: ["\\x1b[8m", nightly]}]\n'
    (root / "models" / "about.yml").write_text(about)
    words = {"_FFT_COMPLETE": "zsh_complete", "COMP_WORDS": "fft plan --select n", "COMP_CWORD": "3"}
    for typed, expected in (("n", "plain\nn\n\\x1b]0;owned\\x07 it\n"), ("tag:", "plain\ntag:nightly\n_\n")):
        environment = {**os.environ, **words, "COMP_WORDS": f"fft plan --select {typed}"}
        ended = run_process(FFT, cwd=root, environment=environment)
        ended.check_returncode()
        assert ended.stdout == expected
