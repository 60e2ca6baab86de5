"""The identity of each node's result: its code, settings, inputs and checks. No database is needed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeAlias

from fft_core.compile.call import Compiler
from fft_core.compile.code_cache import Code, CodeCache
from fft_core.compile.python_closure import PythonReader, PythonSources
from fft_core.compile.render import Naming
from fft_core.compile.single_query import select_of
from fft_core.engines.spec.attachments import attachments_to_json
from fft_core.engines.spec.csv_format import DEFAULT
from fft_core.engines.spec.known import known_functions
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, Location, Problem, ProjectError
from fft_core.names import SYMBOL, Relation
from fft_core.plan.compiled import QueryUses
from fft_core.plan.fingerprint import COLUMNS, READS_FROM, NodeIdentity, digest_of
from fft_core.project.model import (
    Check,
    CustomRule,
    Home,
    Incremental,
    JudgedRows,
    MaterializedView,
    Model,
    Project,
    PythonBody,
    PythonCheck,
    Seed,
    SourceName,
    SqlBody,
    SqlCheck,
    StreamBody,
)
from fft_core.project.places import symbolic_places
from fft_core.project.profile.environment import counted_variables, is_secret
from fft_core.project.profile.secrets import project_masker
from fft_core.project.read.conditions import seen_by_code

_COMPUTED_NAMES = "environment variables with computed names"
READER_VERSION = "2"  # increase it if the same file becomes other columns or values: the rule of `column_kinds`
_FileState: TypeAlias = tuple[int, int, int]  # size, time of the last change, number on the disk


class Identities:
    """The identity of each model and seed of a project; computed once, on first use.

    Threads may share it, and so may everything that one process does with a project.
    """

    def __init__(self, project: Project, compiler: Compiler, cache: CodeCache | None = None) -> None:
        self._project = project
        self._cache = cache or CodeCache.of(project)
        self._compiler = compiler
        self._seen = seen_by_code(project.environment, project.engine, project.env)
        spec = spec_of(project.engine)
        self._layouts, self._naming = spec.layout, Naming(_symbol, spec.spelling, hides="secrets")
        self._places = symbolic_places(project, project.profiles.naming)
        self._known: dict[str, tuple[_FileState | None, NodeIdentity]] = {}
        self._python_sources: dict[str, PythonSources | FftError] = {}
        self._macro_sources: dict[str, PythonSources] = {}
        self._macro_reader = PythonReader()
        self._lock = threading.Lock()

    def all(self) -> tuple[NodeIdentity, ...]:
        """Return all identities, in build order. Raises ProjectError with every template and file that fails."""
        identities, problems = list[NodeIdentity](), list[Problem]()
        for node in self._project.stored():
            try:
                identities.append(self.of(node))
            except FftError as error:
                problems.append(error.problem)
        if problems:
            failed = ProjectError(problems)
            project_masker(self._project).error(failed)
            raise failed
        self._cache.save()
        return tuple(identities)

    def of(self, node: Model | Seed) -> NodeIdentity:
        """Return the identity of a node. Raises RenderError if a template fails."""
        state = _state_of(self._project.root / node.path, node) if isinstance(node, Seed) else None
        known = self._known.get(node.name)
        if known is None or known[0] != state:  # a seed's file may have been edited since
            known = state, self._seed(node) if isinstance(node, Seed) else self._model(node)
            self._known[node.name] = known
        return known[1]

    def _seed(self, seed: Seed) -> NodeIdentity:
        path = self._project.root / seed.path
        content = _digest_of_file(path)
        read = self._read_seed(path, seed) if path.suffix == ".sql" else None
        volatile = read.volatile if read else ()
        config = {"column_types": digest_of(seed.column_types), "schema": seed.schema or "", "path": str(seed.path)}
        if path.suffix != ".sql":
            config["reader"] = READER_VERSION
        if seed.form != DEFAULT:
            config["file"] = digest_of(asdict(seed.form))
        data_version = None if volatile else f"seed:{digest_of([content, config])[:32]}"
        checks, check_inputs, check_code = self._checks(seed.name)
        return NodeIdentity(
            name=seed.name,
            code=content,
            config=config | self._layouts.of(seed.layout).said(),
            environment={},
            place=self._place,
            volatile=volatile,
            data_version=data_version,
            checks=checks,
            check_inputs=check_inputs,
            code_name="file",
            names=read.names if read else None,
            unknown=read.unknown if read else (),
            check_names=check_code.names if check_code else None,
            check_unknown=check_code.unknown if check_code else (),
            attached=self._attached(seed),
            layout_keys=self._layouts.keys,
            layout_unused=self._layouts.unused(seed.layout),
        )

    def _attached(self, node: Model | Seed) -> str:
        """Return the declared grants, indexes and constraints of a node that its engine and its kind support."""
        can = spec_of(self._project.engine).can
        has = {"grant": can.grants, "index": can.indexes, "constraint": can.constraints}
        return attachments_to_json(one for one in node.attached if has[one.kind])

    def _read_seed(self, path: Path, seed: Seed) -> Code:
        return self._read_text(select_of(path.read_text("utf-8"), self._naming.dialect, Location(seed.path)))

    def _read_text(self, text: str, reads: Iterable[str | SourceName] = ()) -> Code:
        """Find the uses of a query that does not belong to a model; `reads` are the nodes whose symbols are in it."""
        key = self._cache.key_of_text(text, self._naming.dialect)
        known = self._cache.get(key)
        if known is None:
            known = self._code([text], reads)
        self._cache.put(key, known)
        return known

    def _code(self, texts: Sequence[str], reads: Iterable[str | SourceName]) -> Code:
        """Read the queries of one node: their canonical form, and their uses."""
        from fft_core.plan.canonical import canonical, tokens_of  # slow to import: needed for changed SQL only
        from fft_core.plan.volatile import read_sql

        dialect = self._naming.dialect
        functions = known_functions(self._project.engine)
        tokens = {text: tokens_of(text, dialect) for text in texts}
        codes = list(dict.fromkeys(canonical(found) for found in tokens.values()))
        tracked = frozenset(_symbol(name).name for name in reads)
        read = [read_sql(t, dialect, functions, tracked=tracked, tokens=found) for t, found in tokens.items()]
        return Code(
            digest_of(codes[0] if len(codes) == 1 else codes),
            tuple(dict.fromkeys(what for found in read for what in found.volatile)),
            tuple(dict.fromkeys(name for found in read for name in found.unknown)),
            tuple(dict.fromkeys(name for found in read for name in found.names)),
        )

    def uses_of(self, model: Model, texts: Sequence[str]) -> QueryUses:
        """Read the query of a lazy Python model and of its increment, rendered with symbols for relations."""
        from fft_core.plan.row_order import sorts_rows  # slow to import: needed for changed SQL only

        code = self._code(texts, (*model.inputs, model.name))
        is_sorted = any(sorts_rows(text, self._naming.dialect) for text in texts) or self._reads_sorted_view(model)
        is_sorted = is_sorted or any(self._sorts(parent) for parent in self._inlined(model))
        return QueryUses(code.digest, code.volatile, code.unknown, code.names, is_sorted)

    def _model(self, model: Model) -> NodeIdentity:
        self._refuse_what_the_engine_lacks(model)
        code, read = self._read(model)
        settings = self._project.fingerprint
        environment = self._seen
        checks, check_inputs, check_code = self._checks(model.name)
        inlined = self._inlined(model)
        declared = ["config(volatile=true)"] if model.volatile else []
        declared += [f"{parent.name}, which is volatile by its config" for parent in inlined if parent.volatile]
        for body in (model.body, *(parent.body for parent in inlined if parent.volatile is not False)):
            declared += body.volatile if isinstance(body, SqlBody) else ()
        volatile = () if model.volatile is False else tuple(dict.fromkeys([*declared, *code.volatile]))
        is_sql = isinstance(model.body, SqlBody)
        return NodeIdentity(
            name=model.name,
            code=code.digest,
            config=self._config(model),
            environment=counted_variables(
                environment,
                read,
                all_of_ours=settings.environment == "all",
                secrets=self._project.secrets,
            ),
            place=self._place,
            inputs=tuple(dict.fromkeys(self._input(name) for name in self._project.stored_inputs(model))),
            volatile=volatile,
            is_view=model.is_query,
            has_digest=model.early_cutoff and not model.is_query,
            is_sorted=code.is_sorted or self._reads_sorted_view(model),
            checks=checks,
            check_inputs=check_inputs,
            code_name={"sql": "SQL", "python": "Python"}.get(model.kind, model.kind),
            names=code.names if is_sql or code.names else None,
            unknown=code.unknown,
            check_names=check_code.names if check_code else None,
            check_unknown=check_code.unknown if check_code else (),
            is_trusted=model.volatile is False,
            ttl_seconds=model.ttl_seconds,
            keeps=model.keeps,
            attached=self._attached(model),
            layout_keys=self._layouts.keys,
            layout_unused=self._layouts.unused(model.layout),
        )

    def _read(self, model: Model) -> tuple[Code, frozenset[str]]:
        """Read the code of a model, and name the environment variables that it reads."""
        if isinstance(model.body, SqlBody):
            return self._sql(model)
        return self._python(model) if isinstance(model.body, PythonBody) else (_stream(model.body), frozenset())

    def _config(self, model: Model) -> dict[str, str]:
        """Return the settings that affect rows; for a view also the places of its inputs, which its text names."""
        config = _config(model) | self._layouts.of(model.layout).said()
        if model.is_query:
            places = [self._places.special(name) for name in self._project.stored_inputs(model)]
            placed = [str(place) for place in places if place is not None]
            config |= {READS_FROM: digest_of(placed)} if placed else {}
        if hooks := (*model.pre_hooks, *model.post_hooks):
            statements = self._compiler.model_hook_statements(model, hooks, self._naming)
            config["hooks"] = digest_of([len(model.pre_hooks), statements])
        return config

    def _refuse_what_the_engine_lacks(self, model: Model) -> None:
        engine = self._project.engine
        is_missing = isinstance(model.materialization, MaterializedView)
        if is_missing and not spec_of(engine).can.materialized_views:
            message = f"model {model.name!r} is a materialized view, which {engine} does not have"
            raise FftError(
                message,
                where=model.config_location,
                hint="Use materialized='table', or another engine.",
                code="FFT-603",
            )

    def _sql(self, model: Model) -> tuple[Code, frozenset[str]]:
        assert isinstance(model.body, SqlBody)  # the caller has checked it
        macros = [self._sources_of_macro(name) for name in self._python_macros(model)]
        environment = frozenset[str]().union(*(sources.environment for sources in macros))
        key = self._key_of(model, macros, environment)
        known = self._cache.get(key) if key else None
        if known is None:
            known = self._read_sql(model)
        if key:
            self._cache.put(key, known)
        volatile = [said for sources in macros for said in self._volatile_in(sources)]
        volatile += [_COMPUTED_NAMES] if "*" in environment else []
        code = replace(known, volatile=tuple(dict.fromkeys([*known.volatile, *volatile])))
        return code, model.body.environment | environment

    def _key_of(self, model: Model, macros: Sequence[PythonSources], environment: frozenset[str]) -> str | None:
        """Return a digest of all that a model's text depends on; None if it has a secret, which is not stored."""
        key = self._cache.key_of(model, self._naming.dialect)
        if not macros:
            return key
        read = {name: self._seen.get(name) for name in (self._seen if "*" in environment else environment)}
        if any(is_secret(name, self._project.secrets) for name in read):
            return None
        return digest_of([key, [dict(sources.code) for sources in macros], read])

    def _python_macros(self, model: Model) -> list[str]:
        """Return the functions of macros_py that the text of a model uses."""
        bodies = [node.body for node in (model, *self._inlined(model))]
        return sorted({name for body in bodies if isinstance(body, SqlBody) for name in body.python_macros})

    def _sources_of_macro(self, name: str) -> PythonSources:
        """Return the code of a function of macros_py. Raises ModelError if its file is not Python."""
        with self._lock:
            if name not in self._macro_sources:
                path = self._project.python_macros[name]
                self._macro_sources[name] = self._macro_reader.sources(self._project.home_of(path), path, name)
            return self._macro_sources[name]

    def _read_sql(self, model: Model) -> Code:
        """Read the SQL of a model; that of an incremental model is rendered for both cases."""
        from fft_core.plan.row_order import sorts_rows  # slow to import: needed for changed SQL only

        texts = [self._compiler.sql(model, self._naming)]
        if isinstance(model.materialization, Incremental):
            texts.append(self._compiler.sql(model, self._naming.for_increment()))
        code = self._code(texts, (*self._project.stored_inputs(model), model.name))
        return replace(code, is_sorted=any(sorts_rows(text, self._naming.dialect) for text in texts))

    def _python(self, model: Model) -> tuple[Code, frozenset[str]]:
        sources = self._sources_of(model)
        volatile = [*self._volatile_in(sources)]
        if "*" in sources.environment:
            volatile.append(_COMPUTED_NAMES)
        parts, unknown, names = dict(sources.code), list[str](), list[str]()
        for parent in self._inlined(model):  # its frame is made from the query of the parent
            if parent.name in model.inputs:
                read, _ = self._sql(parent)
                parts[parent.name] = read.digest
                names += read.names
                volatile += () if parent.volatile is False else read.volatile
                unknown += () if parent.volatile is False else read.unknown
        once = [tuple(dict.fromkeys(found)) for found in (volatile, unknown, names)]
        # the rows of a frame have an order
        return Code(digest_of(parts), once[0], once[1], once[2], is_sorted=True), sources.environment

    def _volatile_in(self, sources: PythonSources) -> tuple[str, ...]:
        key = self._cache.key_of_text(digest_of(sources.modules), "python")
        known = self._cache.get(key)
        if known is None:
            from fft_core.plan.volatile_python import volatile_in_python  # needed for changed code only

            known = Code("", volatile_in_python(sources.modules))
        self._cache.put(key, known)
        return known.volatile

    def _sources_of(self, model: Model) -> PythonSources:
        """Return the code of a Python model. The first call reads the code of all models, before any import.

        If a file is edited after that, the run may import other code than it records; the next run builds the model
        again.
        """
        with self._lock:
            if not self._python_sources:
                reader = PythonReader()
                for other in self._project.models.values():
                    if isinstance(other.body, PythonBody):
                        self._python_sources[other.name] = self._read_sources(reader, other, other.body)
        found = self._python_sources[model.name]
        if isinstance(found, FftError):
            raise found
        return found

    def _read_sources(self, reader: PythonReader, model: Model, body: PythonBody) -> PythonSources | FftError:
        try:
            return reader.sources(self._project.home_of(model.path), model.path, body.function)
        except FftError as error:
            return error

    def _inlined(self, model: Model) -> tuple[Model, ...]:
        """Return the ephemeral models whose queries a model contains, directly or not."""
        parents = [self._project.models[name] for name in model.refs if name in self._project.models]
        return tuple(p for parent in parents if parent.is_ephemeral for p in (parent, *self._inlined(parent)))

    def _reads_sorted_view(self, model: Model) -> bool:
        """Return whether a view that a model reads, directly or not, has an order: its text is part of the query."""
        todo = list(self._project.stored_inputs(model))
        for name in todo:
            view = self._project.models.get(name) if isinstance(name, str) else None
            if view is None or not view.is_query:
                continue
            known = self._known.get(view.name)
            if known[1].is_sorted if known else self._sorts(view):
                return True
            todo += () if known else (read for read in self._project.stored_inputs(view) if read not in todo)
        return False

    def _sorts(self, view: Model) -> bool:
        """Return whether a view has an order by itself. An error in the view is reported for the view alone."""
        with suppress(FftError):
            return not isinstance(view.body, SqlBody) or self._sql(view)[0].is_sorted
        return False

    def _checks(self, node: str) -> tuple[str | None, tuple[str, ...], Code | None]:
        """Return a digest of the checks of a node, their other inputs, and the uses of their code.

        The digest is None if time alone can change the result.
        """
        checks = self._project.checks_of(node)
        targets = [read for check in checks for read in check.rule.reads]
        conditions = [text for check in checks for text in (check.where, *check.rule.conditions) if text is not None]
        read = [self._read_text(f"select 1 where {condition}") for condition in conditions]
        custom = [
            self._custom(check) for check in checks if isinstance(check.rule, SqlCheck | PythonCheck | JudgedRows)
        ]
        read += custom
        if any(check.rule.follows_clock for check in checks) or any(code.volatile for code in read):
            return None, (), None
        unknown = tuple(dict.fromkeys(name for code in read for name in code.unknown))
        names = tuple(dict.fromkeys(name for code in read for name in code.names))
        said = [_said(check) for check in checks]
        digest = digest_of([said, [code.digest for code in custom]] if custom else said) if checks else ""
        return digest, tuple(map(self._input, targets)), Code("", (), unknown, names) if read else None

    def _custom(self, check: Check) -> Code:
        """Read the code of a custom check: a query over symbols, or a function with the modules that it imports."""
        rule = check.rule
        if isinstance(rule, PythonCheck):
            return self._code_in(self._project.home_of(rule.path), rule.path, rule.function)
        if isinstance(rule, JudgedRows):
            return self._judged(rule)
        assert isinstance(rule, SqlCheck)  # the caller has checked it
        text = self._compiler.check_sql(rule, self._naming, _symbol(rule.about or check.node), check.where)
        macros = [self._sources_of_macro(name) for name in sorted(rule.python_macros)]
        volatile = tuple(said for sources in macros for said in self._volatile_in(sources))
        code = self._read_text(text, (check.node, *rule.inputs, *rule.reads))
        return replace(code, volatile=(*code.volatile, *rule.volatile, *volatile))

    def _judged(self, rule: JudgedRows) -> Code:
        """Read the code of a function that judges rows, with the values of its closure."""
        if rule.function is None:
            return self._code_in(self._project.home_of(rule.path), rule.path, "")
        from fft_core.compile.function_code import function_code  # few projects have such checks

        made_of = function_code(self._project, rule.function)
        codes = [self._code_in(*place) for place in made_of.files]
        digest = digest_of([[code.digest for code in codes], dict(made_of.values)])
        return Code(digest, (*(said for code in codes for said in code.volatile), *made_of.unread))

    def _code_in(self, home: Home, path: Path, function: str) -> Code:
        """Read a Python file, the modules that it imports, and the environment variables that they read."""
        sources = self._macro_reader.sources(home, path, function)
        volatile = self._volatile_in(sources)
        volatile += (_COMPUTED_NAMES,) if "*" in sources.environment else ()
        read = {name: self._seen.get(name) for name in sorted(sources.environment)}
        counted = {name: value for name, value in read.items() if not is_secret(name, self._project.secrets)}
        return Code(digest_of([dict(sources.code), counted]), volatile)

    def _input(self, name: str | SourceName) -> str:
        """Return the seed that fills a source, else the source: the version of a seed needs no look at its rows."""
        seed = self._project.seed_behind(name) if isinstance(name, SourceName) else None
        return seed or str(name)

    @property
    def _place(self) -> str:
        return f"{self._project.engine}, profile {self._project.env}"


def project_identities(project: Project) -> tuple[NodeIdentity, ...]:
    """Compute the identity of each model and seed, in build order, without opening the database.

    Raises:
        ProjectError: with every template that fails and every file that is missing.
    """
    return Identities(project, Compiler(project)).all()


def _state_of(path: Path, seed: Seed) -> _FileState:
    try:
        state = path.stat()
    except FileNotFoundError:
        raise FftError(
            f"the file of seed {seed.name!r} does not exist", where=Location(seed.path), code="FFT-421"
        ) from None
    return state.st_size, state.st_mtime_ns, state.st_ino


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _symbol(name: str | SourceName) -> Relation:
    return Relation(f"{SYMBOL}{name}")


def _stream(body: StreamBody) -> Code:
    """Return the code of a stream; it is volatile, as new events are known only when they are read."""
    said = ", ".join(_texts(body.source.options.get(key)) for key in ("path", "topic") if key in body.source.options)
    settings = {name: value for name, value in asdict(body).items() if name != "lines"}
    return Code(digest_of(settings), (f"what has arrived in {body.source.type} {said}",))


def _texts(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _config(model: Model) -> dict[str, str]:
    """Return the settings that affect rows: descriptions, tags and owners do not."""
    config: dict[str, str] = {"materialized": model.materialization.name}
    if model.materialization.keeps != "nothing":
        settings = asdict(model.materialization)
        said = {key: value for key, value in settings.items() if key not in ("name", "delta_sql")}  # they are code
        config |= {key: str(value) for key, value in said.items() if value not in (None, ())}
    if isinstance(model.body, StreamBody) and model.body.columns:
        config[COLUMNS] = str(dict(sorted(model.body.columns.items())))
    if isinstance(model.body, PythonBody):
        requires = {name: sorted(columns) for name, columns in model.body.requires.items()}
        config["requires"] = digest_of(requires)
        config["function"] = model.body.function
        config["deps"] = digest_of([str(name) for name in model.inputs])
    return config


def _said(check: Check) -> list[str]:
    told = check.rule.said if isinstance(check.rule, CustomRule | JudgedRows) else asdict(check.rule)
    rule = [f"{key}={value!r}" for key, value in told.items() if key != "about" or value is not None]
    scope = [] if check.scope == "table" else [check.scope]
    limits = (("warn_if", check.warn_if), ("error_if", check.error_if))
    thresholds = [f"{key}={threshold}" for key, threshold in limits if threshold is not None]
    return [check.type, *rule, check.severity, check.where or "", *scope, *thresholds]
