"""Makes clients: with application default credentials, a key file or impersonation; and the settings of each job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google.auth
from google.api_core.client_info import ClientInfo
from google.api_core.exceptions import NotFound
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.oauth2 import service_account

from fft_core.engines.bigquery.faults import FAULTS, explained_connection
from fft_core.errors import ConnectError
from fft_core.version import VERSION

_SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/drive.readonly")
_WAYS = "Give keyfile, or sign in with: gcloud auth application-default login"


@dataclass(frozen=True)
class Connection:
    """A client, which all sessions of a process share, and what its requests need.

    Attributes:
        client: Sends requests; it may be used by several threads.
        credentials: Those of the client.
        retry: The client's rule for sending a request again; None for never.
        location: Where jobs run; None if that is left to the service.
        endpoint: The address of an emulator, or of a private endpoint.
    """

    client: bigquery.Client
    credentials: Any  # Any: the classes of credentials have no types
    retry: Any  # Any: the client takes None as well, and does not say so
    location: str | None
    endpoint: str | None

    @property
    def is_emulated(self) -> bool:
        """Whether the endpoint is an emulator, which has no interface of its own for reading rows fast."""
        return _is_plain(self.endpoint)


def opened(settings: Mapping[str, Any]) -> Connection:
    """Connect with the settings of a profile, and look for its dataset; raise ConnectError if nobody answers."""
    endpoint, seconds = settings["endpoint"], settings["retry_seconds"]
    retry = DEFAULT_RETRY.with_timeout(seconds) if seconds else None
    try:
        credentials = _credentials(settings)
        client = bigquery.Client(
            settings["project"],
            credentials=credentials,
            location=settings["location"],
            client_info=ClientInfo(user_agent=f"fft/{VERSION}"),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": endpoint} if endpoint else None,
            default_query_job_config=_job_settings(settings),
        )
        location = _location(client, settings, retry)
    except GoogleAuthError as error:
        said = str(error).partition("\n")[0]
        raise ConnectError(f"cannot sign in to BigQuery: {said}", hint=_WAYS) from error
    except FAULTS as error:
        raise explained_connection(error, settings["project"]) from error
    return Connection(client, credentials, retry, location, endpoint)


def _job_settings(settings: Mapping[str, Any]) -> bigquery.QueryJobConfig:
    """Return the settings of each query: names without a dataset are in the profile's, and times are UTC."""
    config = bigquery.QueryJobConfig(
        default_dataset=f"{settings['project']}.{settings['dataset']}",
        connection_properties=[bigquery.ConnectionProperty("time_zone", "UTC")],
    )
    if settings["maximum_bytes_billed"] is not None:
        config.maximum_bytes_billed = settings["maximum_bytes_billed"]
    return config


def _location(client: bigquery.Client, settings: Mapping[str, Any], retry: Any) -> str | None:
    try:
        found = client.get_dataset(f"{settings['project']}.{settings['dataset']}", retry=retry)
    except NotFound:
        return settings["location"] or None
    return found.location or settings["location"] or None


def _credentials(settings: Mapping[str, Any]) -> Any:  # Any: the classes of credentials have no types
    if _is_plain(settings["endpoint"]):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    source = _signed_in(settings["keyfile"])
    principal = settings["impersonate_service_account"]
    if not principal:
        return source
    classes: Any = impersonated_credentials
    return classes.Credentials(source_credentials=source, target_principal=principal, target_scopes=list(_SCOPES))


def _signed_in(keyfile: str | None) -> Any:
    if not keyfile:
        auth: Any = google.auth
        return auth.default(scopes=_SCOPES)[0]
    path = Path(keyfile).expanduser()
    if not path.is_file():
        raise ConnectError(f"the key file {path} does not exist", hint="Check keyfile in the profile.", code="FFT-205")
    account: Any = service_account.Credentials
    try:
        return account.from_service_account_file(str(path), scopes=_SCOPES)
    except ValueError:  # its text may repeat parts of the file
        raise ConnectError(
            f"{path} is not a key of a service account", hint="Check keyfile in the profile.", code="FFT-205"
        ) from None


def _is_plain(endpoint: str | None) -> bool:
    """Whether requests are sent without encryption: to an emulator, which is given no credentials."""
    return endpoint is not None and endpoint.startswith("http://")
