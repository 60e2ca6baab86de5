"""Opens sessions of Spark: by Spark Connect, or on a Spark in this process; and the settings of each session."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fft_core.engines.spec.masking import Masker
from fft_core.errors import ConnectError, EngineError, UnreachableError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a pandas that is newer than Spark knows
    import pyspark
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

# All settings that change rows, or the way in which FFT reads them.
_NEEDED: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
}
_WANTED: Mapping[str, str] = {
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.caseSensitive": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
}
_OF_FORMAT: Mapping[str, Mapping[str, str]] = {
    # several processes add records to one table: none of them removes the folder in which others still write
    "parquet": {
        "mapreduce.fileoutputcommitter.algorithm.version": "2",
        "mapreduce.fileoutputcommitter.cleanup.skipped": "true",
        # the partitions of a table are those of its folder: the catalog would list each with a folder of its own
        "spark.sql.hive.manageFilesourcePartitions": "false",
    },
    "iceberg": {"spark.sql.catalog.{catalog}.cache-enabled": "false"},  # sees what other sessions commit
    "delta": {},
}
_CACHE_SIZE = "spark.sql.filesourceTableRelationCacheSize"
_ANSWERS_SECONDS = 15
_STATUS = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "failed to connect", "Connection refused")
_starting = threading.Lock()


@contextmanager
def _named_main() -> Iterator[None]:
    """Set a file name for a program without one, such as `python -c`: Spark's client takes that for its own tests."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "<string>"
    try:
        yield
    finally:
        del main.__file__


class SparkSessions:
    """The sessions of one profile, on one server or in one process.

    Args:
        settings: Those of the profile.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self.is_remote = settings["remote"] is not None
        self._has_answered = False

    @property
    def endpoint(self) -> str:
        """The address of the sessions, without secrets."""
        url: str = self._settings["remote"] or self._settings["master"]
        return url.partition("/;")[0]

    def open(self) -> SparkSession:
        """Open a session. Raises ConnectError, whose message contains no secret."""
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)  # errors are told by us
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                session = self._remote() if self.is_remote else self._local()
            self._verify(session)
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 (what gRPC, Py4J and pyspark raise has no class in common)
            raise self._explained(error) from None
        return session

    def close(self, session: SparkSession) -> None:
        """End a session, but not a Spark in this process, nor a session of a server that the profile names."""
        if not self.is_remote:
            return
        with suppress(Exception):  # of a server that is gone
            if "session_id=" in self._settings["remote"]:
                session.client.close()
            else:
                session.stop()

    def remembers_files(self, session: SparkSession) -> bool:
        """Whether a session goes on reading the files of a table that another session has replaced."""
        return self._settings["table_format"] == "parquet" and session.conf.get(_CACHE_SIZE, "1000") != "0"

    def _remote(self) -> SparkSession:
        with _starting, _named_main():
            importlib.import_module("pyspark.sql.connect.session")
        if not self._has_answered:
            self._await_answer()
        return SparkSession.builder.remote(self._url()).config(map=dict(self._conf())).create()

    def _await_answer(self) -> None:
        """Wait for a connection with the server. Raises UnreachableError; pyspark itself would retry for 10 minutes."""
        import grpc
        from pyspark.sql.connect.client.core import DefaultChannelBuilder

        with DefaultChannelBuilder(self._url()).toChannel() as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=_ANSWERS_SECONDS)
            except grpc.FutureTimeoutError:
                message = f"no answer from {self.endpoint} in {_ANSWERS_SECONDS} s"
                raise UnreachableError(message, hint="Check `remote`, and whether the server runs.") from None
        self._has_answered = True

    def _url(self) -> str:
        url: str = self._settings["remote"]
        more = {"token": self._settings["token"], "x-databricks-cluster-id": self._settings["cluster_id"]}
        given = [f"{name}={value}" for name, value in more.items() if value]
        if not given:
            return url
        return f"{url.rstrip(';')}{'' if '/;' in url else '/'};{';'.join(given)}".replace("//;", "/;")

    def _local(self) -> SparkSession:
        """Open a session beside those of this process; the first one starts Spark, with the settings of its profile."""
        if not (Path(pyspark.__file__).with_name("jars").is_dir() or os.environ.get("SPARK_HOME")):
            hint = "Give `remote`, or install pyspark in place of pyspark-client."
            raise ConnectError(
                "there is only the client of Spark Connect here, and no Spark to start", hint=hint, code="FFT-210"
            )
        settings = self._settings
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        with _starting:
            builder = SparkSession.builder.master(settings["master"]).appName(settings["app_name"])
            started = {**self._catalog_class(), _CACHE_SIZE: "0", **(settings["extra_conf"] or {})}
            if settings["warehouse_dir"]:
                started["spark.sql.warehouse.dir"] = settings["warehouse_dir"]
            for name, value in started.items():
                builder = builder.config(name, value)
            if settings["use_hive_metastore"]:
                builder = builder.enableHiveSupport()
            session = builder.getOrCreate().newSession()
        for name, value in self._conf().items():
            with suppress(PySparkException):  # those that are needed are looked at
                session.conf.set(name, value)
        return session

    def _catalog_class(self) -> Mapping[str, str]:
        catalog = self._settings["catalog"]
        return {"spark.sql.catalog.spark_catalog": catalog} if catalog and "." in catalog else {}

    def _conf(self) -> Mapping[str, str]:
        catalog = self._settings["catalog"]
        named = catalog if catalog and "." not in catalog else "spark_catalog"
        of_format = _OF_FORMAT[self._settings["table_format"]]
        given = (self._settings["extra_conf"] or {}) if self.is_remote else {}
        return {**_WANTED, **{key.format(catalog=named): value for key, value in of_format.items()}, **given, **_NEEDED}

    def _verify(self, session: SparkSession) -> None:
        for name, value in _NEEDED.items():
            if (found := session.conf.get(name, None)) != value:
                raise ConnectError(
                    f"the session of Spark keeps {name} = {found}, and FFT needs {value}", code="FFT-205"
                )

    def _explained(self, error: Exception) -> ConnectError:
        masker = Masker.of([self._settings["token"]] if self._settings["token"] else [])
        said = masker(str(error).strip().partition("\n")[0])
        kind = UnreachableError if any(word in str(error) for word in _STATUS) else ConnectError
        return kind(f"cannot connect to Spark at {self.endpoint}: {said}", hint="Look at remote, token and master.")
