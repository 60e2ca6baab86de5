"""The settings of the API: environment variables, and the .env files of the project below them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from fft_core.build.served_files import DEFAULT_CURSOR_SECONDS
from fft_core.engines.spec.registry import installed_specs
from fft_core.errors import FftError
from fft_core.project.profile.profiles import load_environment

PREFIX = "FFT_SERVE_"
_STATE = Path(".fastflowtransform") / "serve"
_DAY = 86_400  # also the longest time that clocks of threads and databases take for sure
_Address = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]


def _named(name: str) -> Any:  # Any: what pydantic takes as a default
    return Field(default=None, validation_alias=AliasChoices(name, name.lower()))


class ServeSettings(BaseSettings):
    """The settings of the API. Names without the prefix FFT_SERVE_ are those that services of this kind share."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    database_url: SecretStr | None = _named("DATABASE_URL")
    redis_url: SecretStr | None = _named("REDIS_URL")
    secret_key: SecretStr | None = _named("SECRET_KEY")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias=AliasChoices("CORS_ORIGINS", "cors_origins")
    )
    sentry_dsn: SecretStr | None = _named("SENTRY_DSN")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias=AliasChoices("LOG_LEVEL", "log_level")
    )
    page_rows: int = Field(default=1_000, ge=1)
    max_rows: int = Field(default=10_000, ge=1)
    seconds: float = Field(default=10, gt=0, le=_DAY)
    stream_seconds: float = Field(default=300, gt=0, le=_DAY)
    stream_mb: float = Field(default=100, gt=0, allow_inf_nan=False)
    concurrent: int = Field(default=8, ge=1)
    wait_seconds: float = Field(default=1, ge=0, le=_DAY)
    body_kb: int = Field(default=64, ge=1)
    cursor_seconds: int = Field(default=DEFAULT_CURSOR_SECONDS, ge=1)
    reload_seconds: float = Field(default=1, ge=0, le=_DAY)
    patience_seconds: int = Field(default=5, ge=0, le=_DAY)
    tokens: Path = _STATE / "tokens.json"
    jwks_url: _Address | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    jwt_leeway: int = Field(default=30, ge=0)
    pii: Literal["hide", "mask"] = "hide"
    build_select: str = ""
    builds: int = Field(default=1, ge=1)
    build_jobs: int | None = Field(default=None, ge=1)
    dagster_url: _Address | None = None

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())  # as browsers send them

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given, and nothing else: `read_settings` gives the variables."""
        return (init_settings,)

    @property
    def default_rows(self) -> int:
        """The rows of a page without a limit."""
        return min(self.page_rows, self.max_rows)

    def state_folder(self, root: Path) -> Path:
        """Return the folder for the builds that were asked for over HTTP."""
        return root / _STATE

    def tokens_file(self, root: Path) -> Path:
        """Return the file with the hashed tokens."""
        return root / self.tokens


def read_settings(variables: Mapping[str, str]) -> ServeSettings:
    """Read the settings out of environment variables. Raises FftError with the names of those that are wrong."""
    given: dict[str, str] = {}
    for name, field in ServeSettings.model_fields.items():
        variable = variable_of(name, field)
        if variables.get(variable):
            given[name] = variables[variable]
    try:
        return ServeSettings(**given)  # type: ignore[arg-type]  # texts, which pydantic reads
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)  # an input may be a secret
        fields = ServeSettings.model_fields
        names = {variable_of(name, field): name for name, field in fields.items()}
        said = "; ".join(f"{_variable(item['loc'], names)}: {item['msg']}" for item in wrong)
        raise FftError(f"the settings of fft serve cannot be used: {said}", code="FFT-910") from None


def misspelled(variables: Mapping[str, str]) -> list[str]:
    """Return a message for each variable that is almost the name of a setting, and has no effect.

    Others may begin with the prefix for reasons of their own: Kubernetes names variables after services.
    """
    known = {variable_of(name, field).removeprefix(PREFIX) for name, field in ServeSettings.model_fields.items()}
    given = {name.removeprefix(PREFIX) for name in variables if name.startswith(PREFIX)}
    near = {name: get_close_matches(name, known, n=1, cutoff=0.8) for name in sorted(given - known)}
    return [
        f"{PREFIX}{name} is not a setting, and has no effect. Did you mean {PREFIX}{found[0]}?"
        for name, found in near.items()
        if found
    ]


def variable_of(name: str, field: FieldInfo) -> str:
    """Return the environment variable of a setting."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{PREFIX}{name.upper()}"


def _variable(location: tuple[int | str, ...], names: Mapping[str, str]) -> str:
    said = str(location[0]) if location else ""
    return next((variable for variable, name in names.items() if said in (name, variable)), said)


def project_variables(root: Path, env: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables of a project, which its .env files complete."""
    return dict(load_environment(root, env) if given is None else given)


def with_database_url(variables: Mapping[str, str], settings: ServeSettings) -> tuple[dict[str, str], str | None]:
    """Return the variables in which DATABASE_URL is the setting of its engine, and the name of that engine.

    Raises:
        FftError: no installed engine has a URL of this kind.
    """
    if settings.database_url is None:
        return dict(variables), None
    url = settings.database_url.get_secret_value().strip()
    scheme, separator, rest = url.partition("://")
    kind, rest = scheme.partition("+")[0].lower(), _without_driver(rest)
    for spec in installed_specs().values():
        if separator and kind in (spec.name, *spec.aliases) and "dsn" in spec.settings:
            return {**variables, spec.settings["dsn"].variable: f"{kind}://{rest}"}, spec.name
    raise FftError(
        "DATABASE_URL is not the address of an installed engine", hint="As in ENGINE://host/database.", code="FFT-910"
    )


def _without_driver(rest: str) -> str:
    """Return an address with the names of parameters that the database's own library has: `ssl` is that of drivers."""
    place, mark, query = rest.partition("?")
    parts = [f"sslmode={part[4:]}" if part.startswith("ssl=") else part for part in query.split("&")]
    return f"{place}{mark}{'&'.join(parts)}"
