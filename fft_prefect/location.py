"""The flow of the project in FFT_PROJECT_DIR: `fft dev --with prefect` serves it if the project has no flow.py."""

import os

from fft_prefect.flow import project_flow

flow = project_flow(os.environ["FFT_PROJECT_DIR"], engine=os.environ.get("FF_ENGINE"), name=os.environ.get("FFT_FLOW"))
