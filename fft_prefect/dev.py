"""A server of Prefect, and beside it the runner of the project's flow: `python -m fft_prefect.dev HOST PORT`.

`fft dev --with prefect` starts it, with the project and the address of the API in environment variables.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

START_SECONDS = 180.0


def main(host: str, port: str) -> int:
    """Start the server, serve the flow while the server runs, and stop the server; return the exit code."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", port]
    with subprocess.Popen(command) as server:
        try:
            if not _is_there(f"{os.environ['PREFECT_API_URL']}/health", server):
                return server.wait()
            flow().serve(name=os.environ.get("FFT_ACTIVE_ENV", "dev"), print_starting_message=False)
        except KeyboardInterrupt:
            return 130
        finally:
            server.terminate()
    return 0


def flow() -> Flow[..., object]:
    """Return the flow of the project: `flow` in its own flow.py, or a default one without such a file."""
    own = Path(os.environ["FFT_PROJECT_DIR"]) / "flow.py"
    if own.is_file():
        return load_flow_from_entrypoint(f"{own}:flow")
    from fft_prefect.location import flow as ours

    return ours


def _is_there(url: str, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; return False if it has ended, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(url, timeout=5).is_success:
                return True
        except httpx.HTTPError:
            time.sleep(0.3)
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
