"""The example project as a Prefect flow: `python flow.py` serves it, with a schedule."""

from pathlib import Path

from fft_prefect import project_flow

flow = project_flow(Path(__file__).parent, name="flights")

if __name__ == "__main__":
    flow.serve(name="nightly", cron="0 4 * * *")
