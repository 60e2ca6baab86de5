"""Postgres as a warehouse without transactions: each statement is one of its own. A package as others write one."""

from __future__ import annotations

from dataclasses import replace

from fft_core.engines.spec import No
from fft_core.engines.spec.registry import spec_of

_POSTGRES = spec_of("postgres")

SPEC = replace(
    _POSTGRES,
    name="autocommit",
    title="Postgres without transactions",
    can=replace(
        _POSTGRES.can,
        transactions=No("they are switched off, to prove what needs none"),
        replaces_kinds=No("they do not, on warehouses without transactions"),
        materialized_views=No("they are made again when what they read is published"),
    ),
    module="fft_autocommit.session",
    extra="fft-autocommit",
    variables="FF_AC_",
    settings={
        name: replace(setting, variable=setting.variable.replace("FF_PG_", "FF_AC_"))
        for name, setting in _POSTGRES.settings.items()
    },
)
