"""Facts about Python modules: which of their names return the same result each time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from sysconfig import get_path
from types import ModuleType
from warnings import catch_warnings, simplefilter

from fft_core.plan.python_names import UNKNOWN

_words = str.split

# The standard library is listed by its steady names: any other name in it counts as a clock, chance, a file or a
# service.
STEADY_MODULES = frozenset(
    _words(
        "__future__ _typeshed abc array ast base64 binascii bisect calendar cmath codecs collections colorsys "
        "contextlib contextvars copy copyreg csv dataclasses decimal difflib enum errno fnmatch fractions functools "
        "graphlib hashlib heapq hmac html inspect ipaddress itertools json keyword logging math numbers operator "
        "pprint quopri re reprlib sre_constants statistics string stringprep struct textwrap token tokenize types "
        "typing unicodedata urllib.parse warnings weakref xml zlib zoneinfo"
    )
)
# In these modules, only the listed names are steady.
STEADY_NAMES: Mapping[str, frozenset[str]] = {
    module: frozenset(_words(names))
    for module, names in {
        "bz2": "compress decompress BZ2Compressor BZ2Decompressor",
        "concurrent.futures": "Executor Future TimeoutError CancelledError",
        "gc": "collect enable disable freeze",
        "gzip": "compress decompress",
        "importlib": "import_module __import__",
        "io": "StringIO BytesIO TextIOWrapper TextIOBase IOBase RawIOBase BufferedIOBase BufferedReader SEEK_SET "
        "SEEK_CUR SEEK_END UnsupportedOperation",
        "lzma": "compress decompress LZMACompressor LZMADecompressor LZMAError",
        "os": "sep linesep extsep pathsep altsep devnull curdir pardir error PathLike fspath fsencode fsdecode environ "
        "getenv environb getenvb",
        "os.path": "join basename dirname split splitext splitdrive normpath normcase isabs commonprefix commonpath",
        "pathlib": "Path PurePath PosixPath WindowsPath PurePosixPath PureWindowsPath",
        "pickle": "dumps PickleError PicklingError HIGHEST_PROTOCOL DEFAULT_PROTOCOL",
        "plistlib": "dumps loads",
        "random": "Random",
        "secrets": "compare_digest",
        # Snowpark: what is built of a query, as far as the service gives the same for the same rows
        "snowflake.snowpark": "DataFrame Column Row Window",
        "snowflake.snowpark.functions": "abs acos add_months any_value array_agg array_append array_cat "
        "array_compact array_construct array_contains array_distinct array_insert array_intersection "
        "array_position array_prepend "
        "array_size array_slice array_to_string array_unique_agg asc ascii asin atan atan2 avg "
        "base64_decode_string base64_encode bitand bitor bitxor booland boolor cast cbrt ceil charindex "
        "chr coalesce col column concat concat_ws contains convert_timezone corr cos count countDistinct "
        "count_distinct cume_dist date_from_parts date_part date_trunc dateadd datediff day dayname "
        "dayofmonth dayofweek dayofyear decode degrees dense_rank desc div0 div0null editdistance "
        "endswith equal_null exp factorial first_value flatten floor get get_path greatest "
        "greatest_ignore_nulls haversine hex_encode hour iff ifnull in_ initcap insert is_null "
        "is_null_value lag last_day last_value lead least least_ignore_nulls left length listagg lit ln "
        "log lower lpad ltrim max max_by md5 mean median min min_by minute mod mode month monthname "
        "months_between next_day not_ nth_value ntile nullif nullifzero nvl nvl2 object_agg "
        "object_construct object_construct_keep_null object_delete object_insert object_keys "
        "octet_length parse_json percent_rank percentile_cont pi position pow previous_day quarter "
        "radians rank regexp_count regexp_instr regexp_like regexp_replace regexp_substr regr_slope "
        "repeat replace reverse right round row_number rpad rtrim second sha1 sha2 sign sin split "
        "split_part sqrt square startswith stddev stddev_pop stddev_samp strip_null_value strtok substr "
        "substring sum sum_distinct tan time_from_parts timestamp_from_parts to_array to_boolean to_char "
        "to_date to_decimal to_double to_json to_object to_time to_timestamp to_timestamp_ntz "
        "to_timestamp_tz to_varchar to_variant translate trim trunc truncate try_cast try_parse_json "
        "typeof unicode upper var_pop var_samp variance when width_bucket year zeroifnull",
        "sys": "version version_info hexversion implementation maxsize maxunicode byteorder float_info int_info "
        "hash_info stdout stderr exc_info exit intern setrecursionlimit getrecursionlimit stdlib_module_names "
        "builtin_module_names float_repr_style",
        "threading": "Lock RLock local Semaphore BoundedSemaphore Condition",
        "time": "sleep strptime struct_time",
        "tomllib": "loads load TOMLDecodeError",
        "traceback": "print_exc print_exception print_stack print_tb format_exc format_exception format_exception_only",
        "uuid": "UUID uuid3 uuid5 SafeUUID NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500",
    }.items()
}
# In these modules, all names are steady but the listed ones; a name with a dot is a member of a class.
UNSTEADY_NAMES: Mapping[str, frozenset[str]] = {
    module: frozenset(_words(names))
    for module, names in {
        "builtins": "open input eval exec compile hash id globals breakpoint help __import__",
        "codecs": "open",
        "datetime": "datetime.now datetime.utcnow datetime.today datetime.fromtimestamp datetime.utcfromtimestamp "
        "date.today date.fromtimestamp",
        "inspect": "stack trace currentframe getouterframes getinnerframes",
        "logging": "config handlers LogRecord makeLogRecord _startTime",
        "tokenize": "open",
        "xml": "etree.ElementTree.parse etree.ElementTree.iterparse dom.minidom.parse sax.parse",
        "zoneinfo": "available_timezones reset_tzpath",
        "numpy": "load loadtxt genfromtxt fromfile fromregex memmap DataSource lib.format.open_memmap "
        "lib.npyio.NpzFile empty empty_like ndarray",
        "pandas": "Timestamp.now Timestamp.today Timestamp.utcnow HDFStore ExcelFile io Period.now",
        "polars": "sql SQLContext read_database",
        "pyarrow": "memory_map OSFile input_stream parquet csv json dataset fs orc feather flight hdfs ipc.open_file",
        "pyarrow.compute": "random",
        "dateutil.tz": "tzlocal gettz",
    }.items()
}
# Packages whose purpose is to read a clock, chance, files, services or databases.
UNSTEADY_PACKAGES = frozenset(
    _words(
        "adlfs aiohttp anthropic azure boto3 botocore cassandra cffi clickhouse_connect clickhouse_driver cloudpickle "
        "cohere confluent_kafka cuid cx_Oracle databricks decouple dill docker dotenv duckdb elasticsearch environs "
        "faker fabric feedparser fsspec gcsfs google grpc gspread httplib2 httpx influxdb joblib kafka ksuid ldap3 "
        "mimesis minio mysql nanoid ntplib numpy.random openai oracledb pandas.io pandas_datareader pandas_gbq "
        "paramiko pika polars.io pkg_resources importlib_resources pooch psutil psycopg psycopg2 pyathena "
        "pydantic_settings pymongo pymssql pymysql pyodbc redis requests s3fs salesforce sentry_sdk shortuuid "
        "slack_sdk smart_open snowflake sqlalchemy stripe tweepy tzlocal ulid urllib3 websocket websockets xlrd "
        "yfinance"
    )
)
# A generator of random numbers with a seed returns the same numbers each time.
SEEDED = frozenset(
    _words(
        "random.Random numpy.random.default_rng numpy.random.RandomState numpy.random.SeedSequence numpy.random.PCG64 "
        "numpy.random.PCG64DXSM numpy.random.MT19937 numpy.random.Philox numpy.random.SFC64 numpy.random.Generator"
    )
)
# Names of these packages that stand for types; a mention of them is steady.
TYPES = frozenset(
    _words(
        "numpy.random.Generator numpy.random.RandomState numpy.random.BitGenerator numpy.random.SeedSequence "
        "numpy.ndarray duckdb.DuckDBPyRelation duckdb.DuckDBPyConnection"
    )
)
# Methods, of any object.
CLOCKS = frozenset(
    _words(
        "now utcnow today time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time tzlocal tomorrow "
        "yesterday"
    )
)
CHANCE = frozenset(_words("uuid1 uuid4 uuid6 uuid7 urandom token_hex token_bytes token_urlsafe default_rng"))
# Functions of installed packages with these names draw random numbers; objects with such methods may have a seed.
CHANCE_OF_PACKAGES = frozenset(
    _words("rand randn randint randrange random getrandbits permutation choice choices uniform shuffle sample rvs")
)
READERS = frozenset(
    _words(
        "urlopen urlretrieve get_df get_json read_csv read_parquet read_json read_excel read_sql read_sql_query "
        "read_sql_table read_table read_feather read_orc read_pickle read_xml read_html read_fwf read_hdf read_stata "
        "read_sas read_spss read_gbq read_avro read_ipc read_ipc_stream read_ndjson read_database read_database_uri "
        "read_delta read_ods read_clipboard scan_csv scan_parquet scan_ipc scan_ndjson scan_delta scan_iceberg "
        "scan_pyarrow_dataset read_text read_bytes read_file open connect create_engine iterdir listdir scandir rglob "
        "getmtime get_data run_path load_workbook loadtxt genfromtxt fromfile memmap sql run_module"
    )
)
# Prefixes of functions of installed packages that read files or services.
READING = ("open_", "read_", "scan_", "fetch_", "download", "connect_")
# The same, but only in code that uses paths: these names are everyday words.
PATHS = frozenset(
    _words(
        "exists is_file is_dir is_symlink is_mount stat lstat glob walk resolve absolute cwd home expanduser samefile "
        "owner group readlink touch"
    )
)
# Methods that are steady with a seed.
WITH_SEED = frozenset(_words("sample shuffle rvs"))
SEED_KEYWORDS = frozenset(_words("random_state seed rng"))
# The argument for the seed, by the function that makes a generator.
SEED_PARAMETERS = frozenset(_words("x seed entropy key bit_generator"))
# Packages, and their names that draw random numbers if they get no seed.
LEARNING = frozenset(_words("sklearn umap hdbscan xgboost lightgbm imblearn"))
LEARN_BY_CHANCE = frozenset(
    _words(
        "train_test_split ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit resample KMeans MiniBatchKMeans "
        "BisectingKMeans GaussianMixture BayesianGaussianMixture SpectralClustering RandomForestClassifier "
        "RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor BaggingClassifier BaggingRegressor "
        "AdaBoostClassifier AdaBoostRegressor GradientBoostingClassifier GradientBoostingRegressor "
        "HistGradientBoostingClassifier HistGradientBoostingRegressor DecisionTreeClassifier DecisionTreeRegressor "
        "IsolationForest MLPClassifier MLPRegressor SGDClassifier SGDRegressor Perceptron TSNE MDS TruncatedSVD NMF "
        "LatentDirichletAllocation RandomizedSearchCV RandomOverSampler RandomUnderSampler SMOTE UMAP "
        "make_classification make_regression make_blobs"
    )
)
# Attributes that lead out of the code that is read, or tell where and how it runs.
OUTWARD = frozenset(
    _words("__subclasses__ __globals__ __builtins__ f_globals f_builtins f_locals f_back __loader__ __hash__")
)
# Functions that read a text such as "now" as the current time.
TAKE_NOW = frozenset(
    _words(
        "Timestamp to_datetime datetime64 Period DatetimeIndex PeriodIndex date_range bdate_range period_range arange"
    )
)
# Functions that call their arguments: a method that is passed without parentheses is called by them.
CALL_THEIR_ARGUMENTS = frozenset(
    _words(
        "map filter partial apply applymap pipe map_elements map_batches map_rows submit starmap reduce transform agg "
        "aggregate iter Thread Timer defaultdict field lru_cache cache starmap call imap"
    )
)


# Modules of the standard library that are recognised by name if an installed package exports them again.
_HANDED_ON = frozenset(
    _words(
        "builtins datetime getpass glob importlib inspect io locale os pathlib pickle platform random secrets shutil "
        "socket subprocess sys tempfile threading time uuid"
    )
)
_RENAMED = {"posixpath": "os.path", "ntpath": "os.path"}


def is_foreign(origin: str) -> bool:
    """Return whether the project alone can tell the meaning of a name."""
    root = origin.partition(".")[0]
    return root == UNKNOWN or (root not in sys.stdlib_module_names and root != "builtins")


@lru_cache(maxsize=16384)
def followed(origin: str) -> str:
    """Return the name in the standard library that a dotted name stands for, if it leads through another module.

    >>> followed("calendar.datetime.datetime.now"), followed("networkx.utils.os.sep"), followed("numpy.random.rand")
    ('datetime.datetime.now', 'os.sep', 'numpy.random.rand')
    """
    parts = origin.split(".")
    if parts[0] in (UNKNOWN, ""):
        return origin
    if parts[0] not in sys.stdlib_module_names:
        if any(".".join(parts[:end]) in UNSTEADY_PACKAGES for end in range(1, len(parts))):
            return origin
        for start in range(len(parts) - 2, 0, -1):
            if parts[start] in _HANDED_ON and hasattr(_standard_module(parts[start]), parts[start + 1]):
                return followed(".".join(parts[start:]))
        return origin
    if parts[0] not in STEADY_MODULES and parts[0] not in UNSTEADY_NAMES:
        return origin  # only the listed names are steady
    here: object = _standard_module(parts[0])
    found = origin
    for index, part in enumerate(parts[1:], start=2):
        here = getattr(here, part, None)
        if not isinstance(here, ModuleType):
            break
        name = _RENAMED.get(here.__name__, here.__name__)
        if name != ".".join(parts[:index]):
            found = followed(".".join([name, *parts[index:]]))
            break
    return found


@lru_cache
def _standard_module(name: str) -> ModuleType | None:
    """Return a module of the standard library; None if another module has taken its name."""
    spec = sys.modules[name].__spec__ if name in sys.modules else find_spec(name)
    origin = (spec.origin if spec else None) or "built-in"
    if not spec or not (origin in ("built-in", "frozen") or origin.startswith(get_path("stdlib"))):
        return None
    with catch_warnings():
        simplefilter("ignore")
        return import_module(name)


def is_unsteady(origin: str) -> bool:
    parts = origin.split(".")
    prefixes = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    if parts[0] == UNKNOWN or not parts[0]:
        return False
    for prefix in prefixes:
        rest = origin[len(prefix) + 1 :]
        if prefix in UNSTEADY_PACKAGES:
            return True
        if prefix in UNSTEADY_NAMES:
            return (not rest and prefix in _PASSED_ON) or _is_below(rest, UNSTEADY_NAMES[prefix])
        if prefix in STEADY_NAMES:
            return not rest or not _is_steady_name(prefix, rest)
        if prefix in STEADY_MODULES:
            return False
    return parts[0] in sys.stdlib_module_names


_PASSED_ON = frozenset({"datetime", "builtins"})


def _is_steady_name(module: str, rest: str) -> bool:
    first, _, method = rest.partition(".")
    if module == "pathlib":
        return first in STEADY_NAMES[module] and method not in PATHS | READERS
    return _is_below(rest, STEADY_NAMES[module])


def _is_below(name: str, listed: Iterable[str]) -> bool:
    return any(name == entry or name.startswith(f"{entry}.") for entry in listed)


def is_module(origin: str) -> bool:
    return origin in sys.stdlib_module_names or origin in STEADY_NAMES or origin in UNSTEADY_NAMES


def last_of(origin: str) -> str:
    return origin.rpartition(".")[2]
