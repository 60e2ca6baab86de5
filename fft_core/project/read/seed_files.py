"""The reader of seeds/ and its schema.yml."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fft_core.engines.spec import Namespace
from fft_core.engines.spec.csv_format import CSV_SUFFIXES, DEFAULT, CsvFormat
from fft_core.errors import Location, Problem, nearest
from fft_core.names import is_plain
from fft_core.project.model import Column, Seed, Source, SourceName
from fft_core.project.read.yaml_file import YamlFile
from fft_core.project.shapes.seeds import SeedFileShape, SeedsShape

SEED_SUFFIXES = (*CSV_SUFFIXES, ".parquet", ".pq", ".sql")
_NO_SEEDS = ("schema.yml", "readme.md")


class SeedReader:
    """A reader for the seeds of one folder and one engine.

    Args:
        folder: The folder.
        paths: All files below it.
        engine: The engine, for which seeds may have another schema or other types.
        problems: The list to which problems are added.
        warn: A callback for warnings, with the signature of a logger's method.
    """

    def __init__(
        self, folder: Path, paths: Sequence[Path], engine: str, problems: list[Problem], warn: Callable[..., None]
    ) -> None:
        self._folder, self._paths, self._engine = folder, paths, engine
        self._problems, self._warn = problems, warn

    def read(self, schema: SeedsShape, file: YamlFile | None) -> dict[str, Seed]:
        """Return the seeds by the names of their tables. `file` is schema.yml, if it exists."""
        found: dict[str, Seed] = {}
        used: set[str] = set()
        for path in [path for path in self._paths if path.name.endswith(SEED_SUFFIXES)]:
            seed_id = path.relative_to(self._folder).with_suffix("").as_posix()
            ids = (seed_id, path.stem)
            used.update(ids)
            target = next((schema.targets[key] for key in ids if key in schema.targets), None)
            name = (target.table if target else None) or path.stem
            types = schema.types_of((name, seed_id), self._engine)
            seed = Seed(
                name=name,
                seed_id=seed_id,
                path=path,
                schema=(target.schema_by_engine.get(self._engine) or target.schema_) if target else None,
                columns=tuple(Column(c, None, kind) for c, kind in types.items()),
                form=self._form(
                    next(((key, schema.files[key]) for key in ids if key in schema.files), None), path, file
                ),
            )
            if not is_plain(name):
                place = f"targets: {{{seed_id}: {{table: {re.sub(r'[^A-Za-z0-9_]+', '_', name)}}}}}"
                hint = f"Name its table in seeds/schema.yml: {place}."
                self._problems.append(
                    Problem(f"{name!r} cannot be the name of a seed", Location(path), hint, code="FFT-121")
                )
            if name in found:
                hint = f"Name the table of one of them in seeds/schema.yml: targets: {{{seed_id}: {{table: ...}}}}."
                self._problems.append(
                    Problem(f"seed {name!r} is also in {found[name].path}", Location(path), hint, code="FFT-120")
                )
            found[name] = seed
        if file:
            self._refuse_unused(file, schema, found, used)
        self._warn_of_files_that_are_no_seeds()
        return found

    def _form(self, said: tuple[str, SeedFileShape] | None, path: Path, file: YamlFile | None) -> CsvFormat:
        """Return the format of a seed's file."""
        if said is None or file is None:
            return DEFAULT
        key, shape = said
        if path.suffix not in CSV_SUFFIXES:
            hint = f"The keys of `files` are for {' and '.join(CSV_SUFFIXES)} files."
            self._problems.append(
                Problem(f"{path} is not a CSV file", file.location(("files", key)), hint, code="FFT-160")
            )
        return shape.value()

    def _warn_of_files_that_are_no_seeds(self) -> None:
        others = [
            path.as_posix()
            for path in self._paths
            if path.suffix not in SEED_SUFFIXES and path.name.lower() not in _NO_SEEDS
        ]
        if others:
            more = f" and {len(others) - 10} more" if len(others) > 10 else ""
            known = ", ".join(SEED_SUFFIXES)
            self._warn("not read, as a seed's name ends in %s: %s%s", known, ", ".join(others[:10]), more)

    def _refuse_unused(self, file: YamlFile, schema: SeedsShape, seeds: Mapping[str, Seed], used: set[str]) -> None:
        names = {name for seed in seeds.values() for name in (seed.name, seed.seed_id)}
        sections = (
            ("targets", schema.targets, used),
            ("files", schema.files, used),
            ("columns", schema.columns, names),
            ("dtypes", schema.dtypes, names),
        )
        for table in schema.dtypes.keys() - {key for key, said in schema.columns.items() if said}:
            hint = "Declare the types of its columns in `columns`; all other columns are text."
            where = file.location(("dtypes", table))
            self._problems.append(
                Problem(f"dtypes of {table!r} without columns of it are not supported", where, hint, code="FFT-160")
            )
        for section, keys, known in sections:
            for key in keys:
                if key not in known:
                    where = file.location((section, key))
                    self._problems.append(
                        Problem(
                            f"{self._folder}/ has no seed {key!r}",
                            where,
                            nearest(key, names) or "Add the file, or remove the entry.",
                            code="FFT-160",
                        )
                    )


def filled_by_seeds(
    sources: Mapping[SourceName, Source], seeds: Mapping[str, Seed], namespace: Namespace
) -> dict[SourceName, Source]:
    """Return the sources; a source that a seed fills has the place of the seed.

    One of both may name the profile's schema explicitly, and the other leave it out.
    """

    def placed(source: Source) -> Source:
        seed = seeds.get(source.identifier)
        same_catalog = source.catalog in (None, namespace.catalog)
        if seed is None or not same_catalog or source.schema not in (None, seed.schema or namespace.schema):
            return source
        return replace(source, schema=seed.schema if source.schema else None, catalog=None)

    return {name: placed(source) for name, source in sources.items()}
