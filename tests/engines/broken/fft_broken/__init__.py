"""An engine whose claims are wrong: Postgres, with a publish of several statements that each commit."""

from __future__ import annotations

from dataclasses import replace

from fft_core.engines.spec import Setting
from fft_core.engines.spec.registry import spec_of

_POSTGRES = spec_of("postgres")

SPEC = replace(
    _POSTGRES,
    name="broken",
    title="A broken engine",
    module="fft_broken.session",
    extra="fft-broken",
    variables="FF_BROKEN_",
    settings={
        **{
            name: replace(setting, variable=setting.variable.replace("FF_PG_", "FF_BROKEN_"))
            for name, setting in _POSTGRES.settings.items()
        },
        "fault": Setting("FF_BROKEN_FAULT", default="drops", description="What is wrong: drops, empties or digests."),
    },
)
