"""A forked command is like a new process in all that it can find out, but for what has been imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fft_process import CAN_FORK, FFT, Forked, new_process, run_process, start_process
from run_helpers import shop

FACTS = """
import atexit, gc, json, locale, logging, os, signal, stat, sys, tempfile, threading, time, warnings
import dagster, duckdb
def of(stream):
    kind = stat.S_IFMT(os.fstat(stream.fileno()).st_mode)
    return (stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines, stream.line_buffering,
        stream.write_through, stream.isatty(), stream.seekable(), kind)
mask = os.umask(0)
with os.popen("env") as env:
    passed_on = env.read().split("\\n")
facts = {
    "arguments": sys.argv,
    "path": sys.path,
    "flags": str(sys.flags),
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "passed on": passed_on,
    "streams": [of(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "the same streams": [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
    "read": sys.stdin.read(),
    "files": [name for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)],
    "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "blocked signals": str(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "umask": mask,
    "group": (os.getpgid(0), os.getsid(0), os.getpriority(os.PRIO_PROCESS, 0)),
    "name": __name__,
    "names": sorted(set(vars(sys.modules["__main__"])) - {"__annotations__", "__builtins__"}),
    "threads": [(thread.name, thread is threading.main_thread()) for thread in threading.enumerate()],
    "times": time.tzname,
    "locale": locale.getlocale(),
    "loggers": [str(handler) for handler in logging.getLogger().handlers],
    "warnings": sorted(map(str, warnings.filters)),
    "collected": (gc.isenabled(), gc.get_threshold()),
    "recursion": sys.getrecursionlimit(),
    "hooks": (sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, str(sys.gettrace())),
    "temporary": tempfile.tempdir,
}
atexit.register(print, "at the end")
print(json.dumps(facts, indent=1))
"""
ENDS = {
    "by itself": "pass",
    "with a code": "import sys; sys.exit(3)",
    "with words": "import sys; sys.exit('words')",
    "with an error": "raise ValueError('wrong')",
    "at once": "import os; print('lost'); os._exit(7)",
    "by a signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "as a user would": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "by a broken pipe": "import os; r, w = os.pipe(); os.close(r); os.write(w, b'x')",
}
needs_forks = pytest.mark.skipif(not CAN_FORK, reason="here all commands are new processes")


@needs_forks
def test_a_fork_sees_what_a_new_process_sees(tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ÜMLAUT": "a\nb=c", "FF_X": "1"}
    variables |= {name: value for name, value in os.environ.items() if name.startswith(("PYTHON", "LC_", "LANG", "TZ"))}
    command = (sys.executable, "-c", FACTS, "-a", "a word")
    forked = run_process(*command, cwd=tmp_path, environment=variables)
    new = new_process(command, tmp_path, variables)
    assert (forked.returncode, forked.stderr) == (0, "")
    assert forked.stdout.splitlines()[-1] == "at the end"
    assert forked.stdout == new.stdout


@needs_forks
def test_so_does_a_fork_that_is_started_beside_others(tmp_path: Path) -> None:
    variables = {**os.environ, "FF_X": "1"}
    command = (sys.executable, "-c", FACTS, "-a")
    forks = [start_process(*command, cwd=tmp_path, environment=variables) for _ in range(2)]
    pipe = subprocess.PIPE
    new = subprocess.Popen(command, cwd=tmp_path, env=variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    expected = (new.communicate()[0], "")
    for fork in forks:
        assert isinstance(fork, Forked)
        assert fork.communicate() == expected
        assert fork.returncode == new.returncode == 0


@needs_forks
def test_forks_run_at_once_and_hear_what_they_are_told() -> None:
    listening = "import sys; print('begin', flush=True); print(sys.stdin.read(), file=sys.stderr)"
    first, second = (start_process(sys.executable, "-c", listening) for _ in range(2))
    for fork in (second, first):
        assert fork.stdout is not None
        assert fork.stdout.readline() == "begin\n"
        assert fork.poll() is None
    assert run_process(sys.executable, "-c", "print('third')").stdout == "third\n"
    assert second.stdin is not None
    second.stdin.write("two")
    assert second.communicate() == ("", "two\n")
    assert first.poll() is None
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert (first.communicate(), first.poll(), second.poll()) == (("", ""), -signal.SIGKILL, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)


@needs_forks
@pytest.mark.parametrize("how", ENDS)
def test_a_started_fork_ends_as_a_new_process_does(how: str) -> None:
    command = (sys.executable, "-c", f"import atexit; atexit.register(print, 'end')\n{ENDS[how]}")
    forked, new = start_process(*command), new_process(command, None, os.environ)
    out, err = forked.communicate()
    assert (forked.returncode, out) == (new.returncode, new.stdout)
    assert err.splitlines()[-1:] == new.stderr.splitlines()[-1:]


@needs_forks
@pytest.mark.parametrize("how", ENDS)
def test_a_fork_ends_as_a_new_process_does(how: str) -> None:
    command = (sys.executable, "-c", f"import atexit; atexit.register(print, 'end')\n{ENDS[how]}")
    forked, new = run_process(*command), new_process(command, None, os.environ)
    assert (forked.returncode, forked.stdout) == (new.returncode, new.stdout)
    assert forked.stderr.splitlines()[-1:] == new.stderr.splitlines()[-1:]


@needs_forks
@pytest.mark.parametrize("program", [(FFT,), (sys.executable, "-m", "fft_cli")], ids=["fft", "module"])
def test_fft_says_the_same(program: tuple[Path | str, ...], tmp_path: Path) -> None:
    shop(tmp_path / "shop")
    for arguments in (["ls", "shop", "--json"], ["plan", "nowhere"], ["--nonsense"], ["plan", "shop"], []):
        command = [*map(str, program), *arguments]
        forked, new = run_process(*command, cwd=tmp_path), new_process(command, tmp_path, os.environ)
        assert (forked.returncode, forked.stdout, forked.stderr) == (new.returncode, new.stdout, new.stderr)


@needs_forks
def test_dagster_has_been_imported_but_where_python_is_set_up_differently() -> None:
    command = (sys.executable, "-c", "import sys; print('dagster' in sys.modules, 'pandas' in sys.modules)")
    assert run_process(*command).stdout == "True False\n"
    different = {**os.environ, "PYTHONPATH": "nowhere"}
    assert run_process(*command, environment=different).stdout == "False False\n"


@needs_forks
def test_what_takes_too_long_is_killed_and_the_next_one_runs() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_process(sys.executable, "-c", "import time; time.sleep(600)", timeout=0.1)
    assert run_process(sys.executable, "-c", "print('x' * 1_000_000)").stdout == "x" * 1_000_000 + "\n"
