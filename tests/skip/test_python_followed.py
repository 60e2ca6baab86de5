"""What names lead to in Python: modules that other modules hand on, seeds that are none, times, files in memory."""

from __future__ import annotations

import ast

import pytest

from fft_core.compile.python_environment import environment_read
from fft_core.plan.volatile_python import volatile_in_python

HEAD = "import pandas as pd\nimport numpy as np\nimport polars as pl\n"
_PICK = "def pick(df, seed=None):\n    return df.sample(3, random_state=seed)\n"
# the code -> a word of the reason
VOLATILE = {
    # a steady module hands on another one
    "import calendar\nx = calendar.datetime.datetime.now()": "datetime.datetime.now",
    "import calendar\nx = calendar.datetime.date.today()": "datetime.date.today",
    "from calendar import datetime as q\nx = q.datetime.now()": "datetime.datetime.now",
    "import calendar\nclock = calendar.datetime.datetime.now\nx = clock()": "datetime.datetime.now",
    "import statistics\nx = statistics.random.random()": "random.random",
    "from statistics import random as q\nx = q.random()": "random.random",
    "import statistics as s\nx = s.random.Random().random()": "random.Random",
    "import statistics as s\nx = list(map(s.random.choice, [[1]]))": "random.choice",
    "import logging\nx = logging.time.time()": "time.time",
    "import logging\nq = logging.time\nx = q.time()": "time",
    "import logging\nx = getattr(logging, 'time').time()": "time.time",
    "import logging\nx = vars(logging)['time'].time()": "vars(logging)",
    "from logging import *\nx = time.time()": "time.time",
    "import json\nx = json.codecs.open('x')": "codecs.open",
    "import numpy\nx = numpy.os.getcwd()": "os.getcwd",
    "import logging\nx = logging.os.getcwd()": "os.getcwd",
    "import logging\nx = logging.os.path.exists('x')": "os.path.exists",
    "import logging\nx = logging.sys.argv": "sys.argv",
    "import logging\nx = logging.threading.Thread(target=print)": "threading.Thread",
    "import logging\nx = logging.LogRecord('a', 1, 'p', 1, 'm', (), None).created": "logging.LogRecord",
    "import logging\nx = logging.makeLogRecord({}).created": "logging.makeLogRecord",
    "from logging import LogRecord as R\nx = R('a', 1, 'p', 1, 'm', (), None).msecs": "logging.LogRecord",
    "import dataclasses\nx = dataclasses.sys.argv[0]": "sys.argv",
    "import dataclasses\nx = dataclasses.inspect.currentframe().f_lineno": "inspect.currentframe",
    "import enum\nx = enum.sys.argv": "sys.argv",
    "from enum import sys as s\nx = s.argv": "sys.argv",
    "import datetime\nx = datetime.sys.argv": "sys.argv",
    "import collections\nx = collections._sys.argv": "sys.argv",
    "import fnmatch\nx = fnmatch.posixpath.exists('x')": "os.path.exists",
    "import inspect\nx = inspect.os.getpid()": "os.getpid",
    "import contextlib\nx = contextlib.os.getcwd()": "os.getcwd",
    "import codecs\nx = codecs.builtins.open('x')": "open",
    "import typing\nx = typing.sys.modules['time']": "sys.modules",
    "x = pd.io.common.os.getcwd()": "getcwd",
    "import pydantic.main as m\nx = m.sys.argv": "sys.argv",
    "import networkx.utils as u\nx = u.misc.random.random()": "random.random",
    "from networkx.utils.misc import uuid as u\nx = u.uuid4()": "uuid.uuid4",
    "import dateutil.parser as p\nx = p.time.time()": "time.time",
    # clocks, whatever they hang on
    "import calendar\nx = calendar.Calendar.now()": "now",
    "import collections\nx = collections.clock.today()": "today",
    "def f(clock): return clock.now(rng=3)": "now",
    # no seed
    "SEED = None\nx = np.random.default_rng(SEED)": "numpy.random.default_rng",
    "def f():\n    seed = None\n    return np.random.default_rng(seed)": "numpy.random.default_rng",
    "import random\nSEED = None\nx = random.Random(SEED)": "random.Random",
    "def f(df): return df.sample(1, random_state=None or None)": "sample",
    "def f(df): return df.sample(1, random_state=42 and None)": "sample",
    "def f(df, seed=None): return df.sample(1, random_state=seed)": "sample",
    "def f(df, *, seed=None): return df.sample(1, random_state=seed)": "sample",
    "SEED = None\ndef f(df, seed=SEED): return df.sample(1, random_state=seed)": "sample",
    "def f(df, seed): return df.sample(1, random_state=seed)\nx = f(df, None)": "sample",
    "def f(df, seed): return df.sample(1, random_state=seed)\nx = f(df, 42), f(df, seed=None)": "sample",
    "A = None\nB = A\nx = np.random.default_rng(B)": "numpy.random.default_rng",
    "A, B = 1, None\nx = np.random.default_rng(B)": "numpy.random.default_rng",
    "SEED: int | None = None\nx = np.random.default_rng(seed=SEED)": "numpy.random.default_rng",
    "x = np.random.default_rng(3 if pd else None)": "numpy.random.default_rng",
    "x = np.random.default_rng((s := None))": "numpy.random.default_rng",
    "class C:\n    seed = None\n    def f(self): return np.random.default_rng(self.seed)": "numpy.random.default_rng",
    "class C:\n    def __init__(self): self.s = None\n    def f(self, d): return d.sample(1, random_state=self.s)": (
        "sample"
    ),
    "P = {'seed': None}\nx = np.random.default_rng(P['seed'])": "numpy.random.default_rng",
    "P = {'a': 1}\nx = np.random.default_rng(P.get('seed'))": "numpy.random.default_rng",
    "def seed(): return None\nx = np.random.default_rng(seed())": "numpy.random.default_rng",
    "def seed(): pass\nx = np.random.default_rng(seed())": "numpy.random.default_rng",
    "def f(o): return np.random.default_rng(getattr(o, 'seed', None))": "numpy.random.default_rng",
    "for seed in [None]:\n    x = np.random.default_rng(seed)": "numpy.random.default_rng",
    "x = [np.random.default_rng(seed) for seed in (1, None)]": "numpy.random.default_rng",
    "class C:\n    def f(self=None): return np.random.default_rng(self)\nx = C().f()": "numpy.random.default_rng",
    "x = np.random.SeedSequence(spawn_key=(1,))": "numpy.random.SeedSequence",
    "SEED = None\nx = pl.col('x').shuffle(seed=SEED)": "shuffle",
    "SEED = None\nfrom sklearn.cluster import KMeans\nx = KMeans(3, random_state=SEED)": "KMeans",
    # now, by a name
    "STAMP = 'now'\nx = pd.Timestamp(STAMP)": "now",
    "def f():\n    stamp = 'today'\n    return pd.to_datetime(stamp)": "now",
    "def f(stamp='now'): return pd.Timestamp(stamp)": "now",
    "def f(stamp): return pd.Timestamp(stamp)\nx = f('now')": "now",
    "A = 'now'\nB = A\nx = pd.date_range(end=B, periods=3)": "now",
    "STAMPS = ['2020-01-01', 'now']\nx = pd.to_datetime(STAMPS)": "now",
    "C = {'at': 'now'}\nx = pd.Timestamp(C['at'])": "now",
    "class C:\n    at = 'now'\nx = np.datetime64(C.at)": "now",
    "STAMP = 'now'\nx = df[df['ts'] < STAMP]": "now",
    "STAMP = 'now'\nx = df.loc['2020-01-01':STAMP]": "now",
    "x = list(map(pd.Timestamp, ['now']))": "now",
    "import functools\nx = functools.partial(pd.Timestamp, 'now')()": "now",
    # addresses, and memory as it is
    "x = repr(object())": "address",
    "x = str(lambda: 1)": "address",
    "x = f'{object()}'": "address",
    "class K:\n    x = 1\ny = str(K())": "address",
    "class K:\n    x = 1\nk = K()\ny = repr(k)": "address",
    "x = '%s' % object()": "address",
    "x = '{}'.format(object())": "address",
    "x = np.ndarray(3)": "numpy.ndarray",
    "x = np.empty(3)": "numpy.empty",
    "from numpy import empty\nx = empty((2, 3))": "numpy.empty",
    "x = np.empty_like(df)": "numpy.empty_like",
    # files, after all
    "import io\nbuffer = io.StringIO('a')\nbuffer = 'x.csv'\nx = pd.read_csv(buffer)": "pandas.read_csv",
    "import io\nfor buffer in ['a.csv']:\n    x = pd.read_csv(buffer)\nbuffer = io.StringIO('a')": "pandas.read_csv",
    "import io\ndef f(buffer):\n    x = pd.read_csv(buffer)\n    buffer = io.StringIO('a')": "pandas.read_csv",
    "buffer = open('x')\nx = pd.read_csv(buffer)": "pandas.read_csv",
}


@pytest.mark.parametrize("code", VOLATILE)
def test_what_names_lead_to_is_named(code: str) -> None:
    found = volatile_in_python({"models/m.ff.py": HEAD + code})
    assert any(VOLATILE[code] in said for said in found), found


STEADY = [
    "import calendar\nx = calendar.datetime.date(2020, 1, 1)",
    "import logging\nx = logging.os.path.join('a', 'b')",
    "import statistics\nx = statistics.random.Random(3).random()",
    "import datetime, copy, time, pprint\nx = datetime.datetime(2020, 1, 1), datetime.time.min, copy.copy(1)",
    "import xml.etree.ElementTree\nx = xml.etree.ElementTree.fromstring('<a/>')",
    "import collections.abc, urllib.parse\nx = collections.abc.Mapping, urllib.parse.quote('a')",
    "import logging\nlog = logging.getLogger('x')\nlog.setLevel(logging.INFO)\nx = logging.Formatter('%(message)s')",
    "import scipy.signal\nx = scipy.signal.find_peaks([1])",
    "import astropy.time as t\nx = t.Time('2020-01-01')",
    "x = pl.time(1), pl.datetime(2020, 1, 1), pl.struct('a'), pl.select(pl.lit(1)), np.select([], [])",
    "x = np.array([1]).copy(), pd.api.types.is_numeric_dtype(df), np.random.Generator",
    "x = row.time.strftime('%H'), row.datetime.date(), df['platform'].unique()",
    "SEED = 42\nx = np.random.default_rng(SEED), df.sample(3, random_state=SEED)",
    "import random\nSEED: int = 42\nx = random.Random(SEED).random()",
    "def f(df, seed=42): return df.sample(3, random_state=seed)",
    "def f(df, seed): return df.sample(3, random_state=seed)\nx = f(df, 42), f(df, seed=7)",
    f"{_PICK}x = pick(df, 42)",
    f"{_PICK}x = pick(df, seed=42)",
    "P = {'seed': 42, 'other': None}\nx = np.random.default_rng(P['seed']), np.random.default_rng(P.get('seed'))",
    "import os\nx = np.random.default_rng(int(os.environ.get('SEED', '42')))",
    "def f(p): return np.random.default_rng(p.get('seed', 42))",
    "seed = None\nx = np.random.default_rng(seed or 42)",
    "def f(df, seed=None): return np.random.default_rng(42 if seed is None else 7)",
    "class C:\n    seed = 42\n    def f(self): return np.random.default_rng(self.seed)",
    "rng = np.random.default_rng(42)\nx = df.sample(3, random_state=rng)",
    "import zlib\nx = np.random.default_rng(zlib.crc32(b'a')), np.random.default_rng([1, 2])",
    "def seed(): return 42\nx = np.random.default_rng(seed())",
    "for seed in [1, 2]:\n    x = np.random.default_rng(seed)",
    "x = np.random.Generator(np.random.PCG64(42)), np.random.SeedSequence(entropy=3)",
    "STAMP = '2020-01-01'\nx = pd.Timestamp(STAMP)",
    "LABEL = 'now'\nx = df[df['status'] == LABEL], df.assign(label=LABEL)",
    "LABEL = 'now'\nx = pd.to_datetime(df['at'])",
    "FORMAT = '%H'\nAT = '10:00'\nx = pd.to_datetime(AT, format=FORMAT)",
    "class K:\n    def __repr__(self): return 'K'\nx = repr(K())",
    "from dataclasses import dataclass\n@dataclass\nclass K:\n    x: int\ny = repr(K(1))",
    "class K(Exception): pass\nx = str(K('a'))",
    "x = str(3), repr(df), f'{df}', str(ValueError('a')), '{}'.format(object)",
    "x = np.zeros(3), np.empty(0), np.empty((0, 3)), np.empty(3, dtype=object)",
    "import io\nbuffer = io.StringIO('a,b')\nx = pd.read_csv(buffer)",
    "import io\nwith io.StringIO('a') as buffer:\n    x = pd.read_csv(buffer)",
    "x = isinstance(df, np.ndarray)",
    "import io\nx = pd.read_csv(filepath_or_buffer=io.BytesIO(b'a'))",
    "from io import BytesIO\ndata = BytesIO(b'a')\nx = pl.read_csv(data), pl.read_parquet(source=data)",
]


@pytest.mark.parametrize("code", STEADY)
def test_everyday_code_is_steady(code: str) -> None:
    assert volatile_in_python({"models/m.ff.py": f"{HEAD}df = row = None\n{code}\n"}) == ()


ELSEWHERE = {
    "import logging\n": "import hlp\nx = hlp.logging.time.time()",
    "from statistics import random\n": "from hlp import random as r\nx = r.random()",
    "import calendar as c\n": "from lib.hlp import c\nx = c.datetime.datetime.now()",
    "SEED = None\n": "import hlp\nx = np.random.default_rng(hlp.SEED)",
    "SEED = None  # by name\n": "from lib.hlp import SEED as S\nx = np.random.default_rng(S)",
    "class Config:\n    seed = None\n": "from hlp import Config\nx = np.random.default_rng(Config.seed)",
    "from .inner import EMPTY as SEED\n": "from .hlp import SEED\nx = np.random.default_rng(SEED)",
    "STAMP = 'now'\n": "import hlp\nx = pd.Timestamp(hlp.STAMP)",
    "STAMP = 'now'  # by name\n": "from hlp import STAMP\nx = pd.Timestamp(STAMP)",
    _PICK: "from hlp import pick\nx = pick(df)",
    f"{_PICK}# given\n": "from hlp import pick\nx = pick(df, None)",
}


@pytest.mark.parametrize("helper", ELSEWHERE)
def test_names_are_followed_into_modules_of_the_project(helper: str) -> None:
    modules = {"lib/hlp.py": HEAD + helper, "lib/inner.py": "EMPTY = None\nFULL = 42\n"}
    assert volatile_in_python({"m.ff.py": HEAD + ELSEWHERE[helper], **modules})


def test_seeds_of_modules_of_the_project_are_seeds() -> None:
    helper = f"SEED = 42\nDAY = '2020-01-01'\nclass Config:\n    seed = 42\nfrom .inner import FULL\n{_PICK}"
    model = (
        "import hlp\nfrom lib import hlp as h\nfrom hlp import Config, FULL, pick\n"
        "x = np.random.default_rng(hlp.SEED), df.sample(1, random_state=h.SEED), np.random.default_rng(Config.seed)\n"
        "y = np.random.default_rng(FULL), pick(df, hlp.SEED), pd.Timestamp(h.DAY)\n"
    )
    modules = {"lib/hlp.py": HEAD + helper, "lib/inner.py": "EMPTY = None\nFULL = 42\n"}
    assert volatile_in_python({"m.ff.py": HEAD + model, **modules}) == ()


@pytest.mark.parametrize("module", ["logging.os", "hlp.logging.os", "pd.io.common.os"])
def test_variables_count_whatever_module_hands_on_the_environment(module: str) -> None:
    for use in ("environ.get('SOMEV')", "getenv('SOMEV')", "environ['SOMEV']"):
        assert set(environment_read(ast.walk(ast.parse(f"x = {module}.{use}")))) == {"SOMEV"}
    assert volatile_in_python({"m.ff.py": "import logging\nx = logging.os.environ.get('SOMEV')"}) == ()
