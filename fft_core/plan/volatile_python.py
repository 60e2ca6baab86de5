"""What makes the rows of a Python model change although nothing that we track did."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def volatile_in_python(source: str) -> tuple[str, ...]:
    """Name the calls in a module that read a clock, chance, files or the network; a guess by their names.

    >>> volatile_in_python("from random import choice as one_of\\none_of([1, 2])")
    ('random.choice()',)
    """
    tree = ast.parse(source)
    imported = dict(_imported(tree))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = (_dotted(node.func) or "").partition(".")
            name = f"{imported.get(first, first)}{dot}{rest}"
            if name and _is_volatile_call(name, node):
                found.append(f"{name}()")
    return tuple(dict.fromkeys(found))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that imports make, and what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


_PYTHON_LAST = frozenset(
    "now utcnow today time_ns monotonic perf_counter uuid1 uuid4 uuid6 uuid7 urandom getrandbits randint randrange "
    "token_hex default_rng RandomState urlopen urlretrieve get_df get_json read_csv read_parquet read_json read_excel "
    "read_sql read_sql_query read_sql_table read_table read_feather read_orc read_pickle read_xml read_html read_fwf "
    "read_hdf read_stata read_sas read_gbq read_avro read_ipc read_ndjson read_database read_database_uri read_delta "
    "scan_csv scan_parquet scan_ipc scan_ndjson scan_delta read_text read_bytes open connect create_engine iterdir "
    "listdir scandir rglob getmtime get_data run_path loadtxt genfromtxt fromfile memmap".split()
)
_PYTHON_ROOTS = frozenset(
    "requests httpx urllib3 aiohttp boto3 random secrets socket subprocess glob numpy.random np.random fsspec".split()
)
_PYTHON_NAMES = frozenset(
    "time.time time.ctime time.localtime time.gmtime time.strftime numpy.load np.load os.stat os.walk os.popen "
    "os.system os.path.expandvars os.path.expanduser pandas.read_clipboard sqlite3.connect".split()
)
_TAKE_NOW = frozenset({"Timestamp", "to_datetime", "datetime64", "Period"})  # as text: pd.Timestamp("now")


def _is_volatile_call(name: str, call: ast.Call) -> bool:
    parts = name.split(".")
    if parts[-1] in ("import_module", "__import__"):  # a module by a computed name: which one, is not known
        return not any(isinstance(arg, ast.Constant) for arg in call.args[:1])
    if parts[-1] == "sample":  # of a frame
        return not any(keyword.arg in ("random_state", "seed") for keyword in call.keywords)
    if parts[-1] in _TAKE_NOW:
        return any(isinstance(arg, ast.Constant) and arg.value in ("now", "today") for arg in call.args)
    at_root = any(name.startswith(f"{root}.") for root in _PYTHON_ROOTS)
    return parts[-1] in _PYTHON_LAST or at_root or name in _PYTHON_NAMES or ".random." in f".{name}."


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return None
