"""Everyday models in Python, which change their rows only with what they read."""

MODELS = [
    """
@model(deps=['users'])
def m(df: pd.DataFrame) -> pd.DataFrame:
    out = df.copy()
    out['domain'] = out['email'].str.split('@').str[1].str.lower()
    return out.drop_duplicates('domain').sort_values('id')
""",
    """
def m(df):
    df['bucket'] = pd.qcut(df['v'], 4, labels=False)
    return df.melt(id_vars=['id']).dropna()
""",
    """
def m(df):
    df = df.set_index('ts').sort_index()
    df['r'] = df['v'].rolling('7D').mean()
    return df.reset_index()
""",
    """
def m(df):
    return (df.assign(day=lambda d: d['ts'].dt.floor('D'), hour=lambda d: d['ts'].dt.hour)
        .groupby(['day','hour'], as_index=False)['v'].sum())
""",
    """
def m(orders, users):
    for name, frame in {'o': orders, 'u': users}.items():
        if frame.empty: raise ValueError(name)
    return orders.merge(users, on='id')
""",
    """
def m(df):
    mask = df['status'].eq('open') & df['closed_at'].isna()
    return df.loc[mask, ['id','open','close']]
""",
    """
def m(df):
    required = {'id','email'}
    if not required.issubset(df.columns):
        raise KeyError(required - set(df.columns))
    return df
""",
    """
def m(df):
    missing = {'a','b'} - set(df.columns)
    if missing: raise ValueError(f'missing: {sorted(missing)}')
    return df
""",
    """
import re
PATTERN = re.compile(r'x')
def m(df): return df[df['a'].map(lambda s: bool(PATTERN.search(s)))]
""",
    """
from collections import Counter
def m(df): return pd.DataFrame(Counter(df['a']).most_common(), columns=['a','n'])
""",
    """
from dataclasses import dataclass
@dataclass(frozen=True)
class Rule:
    name: str
    limit: int = 3
    def apply(self, df): return df[df['v'] > self.limit]
RULES = [Rule('a'), Rule('b', 5)]
def m(df): return pd.concat([r.apply(df).assign(rule=r.name) for r in RULES])
""",
    """
from decimal import Decimal
def m(df): return df.assign(v=df['v'].map(lambda x: Decimal(str(x)).quantize(Decimal('0.01'))))
""",
    """
import json
def m(df): return pd.json_normalize(df['payload'].map(json.loads).tolist())
""",
    """
def m(df):
    seen = set()
    out = []
    for row in df.to_dict('records'):
        if row['id'] in seen: continue
        seen.add(row['id'])
        out.append(row)
    return pd.DataFrame(out)
""",
    """
import networkx as nx
def m(df):
    g = nx.Graph()
    g.add_edges_from(df[['a','b']].itertuples(index=False))
    return pd.DataFrame({'n': [g.number_of_nodes()]})
""",
    """
from scipy import stats
def m(df): return df.assign(z=stats.zscore(df['v']))
""",
    """
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
def m(df):
    fit = LinearRegression().fit(df[['a']], df['b'])
    return df.assign(p=fit.predict(df[['a']]))
""",
    """
from sklearn.cluster import KMeans
def m(df): return df.assign(c=KMeans(n_clusters=3, random_state=0).fit_predict(df[['a']]))
""",
    """
def m(df):
    rng = np.random.default_rng(seed=0)
    return df.assign(noise=rng.normal(size=len(df)))
""",
    """
def m(lf: pl.LazyFrame) -> pl.LazyFrame:
    return lf.filter(pl.col('open') > 1).with_columns((pl.col('close') - pl.col('open')).alias('diff')).sort('id')
""",
    """
def m(df: pl.DataFrame):
    return df.pivot(on='k', index='id', values='v').fill_null(0)
""",
    """
def m(df: pl.DataFrame):
    return df.with_columns(pl.col('ts').dt.offset_by('1h'), pl.col('d').str.to_date('%Y-%m-%d'))
""",
    """
def m(df: pl.DataFrame):
    return df.join_asof(df, on='ts').select(pl.all().exclude('id'))
""",
    """
import pyarrow as pa, pyarrow.compute as pc
def m(t: pa.Table): return t.filter(pc.greater(t['v'], 1)).append_column('n', pa.array([1]*t.num_rows))
""",
    """
import logging
logger = logging.getLogger(__name__)
def m(df):
    logger.info('rows: %s', len(df))
    return df
""",
    """
from itertools import product, groupby
def m(df): return pd.DataFrame(product([1,2],[3,4]), columns=['a','b'])
""",
    """
from functools import reduce
def m(a, b, c): return reduce(lambda x, y: x.merge(y, on='id'), [a, b, c])
""",
    """
from datetime import date, timedelta
START = date(2020,1,1)
def m(df): return pd.DataFrame({'d': [START + timedelta(days=i) for i in range(10)]})
""",
    """
import calendar
def m(df): return df.assign(month=df['m'].map(lambda i: calendar.month_name[i]))
""",
    """
def m(df):
    try:
        df['v'] = df['v'].astype(int)
    except ValueError as exc:
        raise ValueError('v') from exc
    return df
""",
    """
import unicodedata
def m(df): return df.assign(n=df['n'].map(lambda s: unicodedata.normalize('NFKD', s)))
""",
    """
from urllib.parse import urlsplit, parse_qs
def m(df): return df.assign(h=df['u'].map(lambda u: urlsplit(u).hostname))
""",
    """
import hashlib
def m(df): return df.assign(k=df['email'].map(lambda e: hashlib.md5(e.encode()).hexdigest()))
""",
    """
import uuid
NS = uuid.UUID('12345678123456781234567812345678')
def m(df): return df.assign(k=df['e'].map(lambda e: str(uuid.uuid5(NS, e))))
""",
    """
from enum import Enum
class S(Enum):
    OPEN='open'
    NOW='now'
def m(df): return df[df['s'] == S.OPEN.value]
""",
    """
from typing import Any, Iterable
def helper(x: Iterable[Any]) -> list[Any]: return list(x)
def m(df): return pd.DataFrame({'a': helper(df['a'])})
""",
    """
import geopandas
def m(df): return df.assign(area=df.geometry.area)
""",
    """
from rapidfuzz import fuzz, process
def m(df): return df.assign(s=df['a'].map(lambda a: fuzz.ratio(a,'x')))
""",
    """
import phonenumbers
def m(df): return df.assign(p=df['p'].map(lambda p: phonenumbers.parse(p, 'AT').national_number))
""",
    """
import holidays
def m(df):
    at = holidays.country_holidays('AT', years=[2020])
    return df.assign(h=df['d'].map(lambda d: d in at))
""",
    """
def m(df):
    columns = [c for c in df.columns if c.startswith('x_')]
    df[columns] = df[columns].apply(pd.to_numeric, errors='coerce')
    return df
""",
    """
def m(df):
    return df.groupby('g').apply(lambda g: g.nlargest(3, 'v')).reset_index(drop=True)
""",
    """
def m(df):
    with np.errstate(divide='ignore'):
        return df.assign(l=np.log(df['v']))
""",
    """
def m(df):
    pos = {c: i for i, c in enumerate(sorted(set(df['c'])))}
    return df.assign(i=df['c'].map(pos))
""",
    """
def m(df):
    ids = set(df['id'])
    return df[df['parent'].map(lambda p: p in ids)]
""",
    """
def m(df, other):
    common = sorted(set(df.columns) & set(other.columns))
    return pd.concat([df[common], other[common]])
""",
    """
def m(df):
    df['tags'] = df['tags'].map(lambda t: len(set(t.split(','))))
    return df
""",
    """
def m(df):
    return df.groupby('u')['p'].agg(lambda s: len(set(s))).reset_index()
""",
    """
def m(df):
    return df.groupby('u')['p'].agg(['nunique', 'first', 'last']).reset_index()
""",
    """
def m(df):
    stats = df['v'].describe()
    return stats.to_frame().T
""",
    """
def m(df):
    df.columns = [c.lower() for c in df.columns]
    return df.rename(columns=str.lower)
""",
    """
def m(df):
    df = df.assign(key=df.a.astype(str) + '-' + df.b.astype(str))
    return df.sort_values(['key', 'id'], kind='stable')
""",
    """
class Base:
    columns = {'a': 1}
    def run(self, df): return df.rename(columns=self.columns)
def m(df): return Base().run(df)
""",
    """
def m(df, threshold: float = 0.5, *, now=None):
    return df[df['p'] > threshold]
""",
    """
def m(df):
    now = df['ts'].max()
    today = now.normalize()
    return df[df['ts'] >= today]
""",
    """
def m(df):
    as_of = pd.Timestamp('2024-01-01')
    return df.assign(age=(as_of - df['born']).dt.days)
""",
    """
import numpy.typing as npt
def f(a: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: return np.sort(a)
""",
    """
def m(df):
    out = np.zeros(len(df)); out[:] = df['v'].to_numpy()
    return pd.DataFrame({'v': out})
""",
    """
import sys
if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = object
""",
    """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter('ignore')
""",
    """
import os
def m(df): return df.assign(e=os.environ.get('FF_X', 'a'), f=df.p.map(os.path.basename))
""",
    """
def m(df):
    mapping = dict(zip(df['id'], df['name']))
    return df.assign(boss=df['boss_id'].map(mapping))
""",
    """
def m(df):
    return df.assign(random=1, sample=2, shuffle=3)[['random','sample','shuffle']]
""",
    """
def m(df):
    return df['choice'].value_counts().rename_axis('choice').reset_index(name='n')
""",
    """
def m(df):
    df['exists'] = df.exists.fillna(False)
    return df.exists
""",
    """
def m(df):
    return df[df.resolve == 1].stat
""",
]
