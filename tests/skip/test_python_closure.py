"""The code that a Python model is made of: an edit of what it imports is seen, or the model is volatile."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from skip_helpers import CSV, built

from fft_core.compile.python_closure import PythonReader, PythonSources
from fft_core.plan.volatile_python import volatile_in_python
from fft_core.project.model import Home

ONE, TWO = "def f():\n    return 1\n", "def f():\n    return 2\n"


def model(head: str = "", body: str = "pass") -> str:
    return f"from fft_core import model\n{head}\n@model(deps=['users'])\ndef m(users):\n    {body}\n    return users\n"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def sources(root: Path) -> PythonSources:
    return PythonReader().sources(Home(root), Path("models/m.ff.py"), "m")


FOLLOWED = {
    "import_module": model("import importlib", "importlib.import_module('helpers').f()"),
    "the module by another name": model("import importlib as il", "il.import_module('helpers').f()"),
    "the function by another name": model("from importlib import import_module as im", "im('helpers').f()"),
    "by keyword": model("from importlib import import_module as im", "im(name='helpers').f()"),
    "with its package": model("from importlib import import_module as im", "im('.helpers', __package__).f()"),
    "everything of importlib": model("from importlib import *", "import_module('helpers').f()"),
    "__import__": model("", "__import__('helpers').f()"),
    "__import__ of builtins": model("import builtins", "builtins.__import__('helpers')"),
    "__import__ of importlib": model("import importlib", "importlib.__import__('helpers')"),
    "a default": model("def g(m=__import__('helpers')): pass"),
    "a condition": model("if True:\n    import helpers"),
    "an attempt": model("try:\n    import helpers\nexcept ImportError: pass"),
    "a function": model("", "import helpers"),
    "a class": model("class A:\n    import helpers"),
    "a lambda": model("g = lambda: __import__('helpers')"),
    "a case": model("", "match 1:\n      case 1:\n        import helpers"),
    "relative": model("from . import helpers"),
    "a name, relative": model("from .helpers import f"),
    "everything": model("from helpers import *"),
    "another name": model("import helpers as h"),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_is_imported_by_a_literal_name_counts(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"models/m.ff.py": FOLLOWED[name], "helpers.py": ONE})
    before = sources(tmp_path)
    write(tmp_path, {"helpers.py": TWO})
    assert sources(tmp_path).code != before.code
    assert volatile_in_python(before.modules) == ()


IN_PACKAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "relative to the file": (
        model("import pkg", "pkg.sub.f()"),
        {"pkg/__init__.py": "from importlib import import_module as im\nsub = im('.sub', __name__)\n"},
    ),
    "relative to a named package": (
        model("from importlib import import_module as im", "im('.sub', 'pkg').f()"),
        {"pkg/__init__.py": ""},
    ),
    "two levels up": (
        model("import pkg.a.b"),
        {"pkg/a/b.py": "from importlib import import_module as im\nx = im('..sub', __package__)\n"},
    ),
    "two levels up by import": (model("import pkg.a.b"), {"pkg/a/b.py": "from .. import sub\n"}),
    "no __init__": (model("import pkg.sub as s"), {}),
    "a list of names": (model("", "__import__('pkg', fromlist=['sub'])"), {}),
    "everything that is listed": (model("from pkg import *"), {"pkg/__init__.py": "__all__ = ['sub']\n"}),
}


@pytest.mark.parametrize("name", IN_PACKAGES)
def test_a_module_of_a_package_counts(tmp_path: Path, name: str) -> None:
    text, files = IN_PACKAGES[name]
    write(tmp_path, {"models/m.ff.py": text, **files, "pkg/sub.py": ONE})
    before = sources(tmp_path)
    write(tmp_path, {"pkg/sub.py": TWO})
    assert sources(tmp_path).code != before.code


def test_a_package_that_imports_by_computed_names_is_volatile(tmp_path: Path) -> None:
    lazy = "import importlib\ndef __getattr__(name):\n    return importlib.import_module(f'.{name}', __name__)\n"
    write(tmp_path, {"models/m.ff.py": model("import pkg", "pkg.sub.f()"), "pkg/__init__.py": lazy, "pkg/sub.py": ONE})
    assert volatile_in_python(sources(tmp_path).modules) == ("a module by a computed name",)


@pytest.mark.parametrize("edited", ["common/x.py", "late.py"])
def test_modules_on_the_path_that_are_not_installed_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    files = {"common/__init__.py": "from .x import f\n", "common/x.py": "import late\nA = 1\n", "late.py": ONE}
    write(tmp_path / "elsewhere", files)
    write(tmp_path / "shop", {"models/m.ff.py": model("import common")})
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    before = sources(tmp_path / "shop")
    assert not any(str(tmp_path) in key for key in before.code)
    write(tmp_path / "elsewhere", {edited: files[edited].replace("1", "2")})
    assert sources(tmp_path / "shop").code != before.code


def test_packages_that_are_installed_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "lib" / "site-packages"
    write(installed, {"thirdparty.py": ONE})
    write(tmp_path / "shop", {"models/m.ff.py": model("import thirdparty, json, pandas, fft_core")})
    monkeypatch.syspath_prepend(str(installed))
    assert set(sources(tmp_path / "shop").code) == {"models/m.ff.py"}


@pytest.mark.parametrize("name", ["fast.so", "fast.pyc"])
def test_compiled_modules_count_as_they_are(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"models/m.ff.py": model("import fast"), name: "a"})
    before = sources(tmp_path)
    write(tmp_path, {name: "b"})
    assert sources(tmp_path).code != before.code


G = "def g():\n    'one'\n    return 1  # one\n"
READ_FROM_ITSELF = {
    "docstring": (model(G, "g.__doc__"), "'one'", "'two'"),
    "docstring by name": (model(G, "getattr(g, '__doc__')"), "'one'", "'two'"),
    "docstring by inspect": (model(f"from inspect import getdoc as d\n{G}", "d(g)"), "'one'", "'two'"),
    "docstring of the module": (f"'''one'''\n{model('', 'x = __doc__')}", "'''one'''", "'''two'''"),
    "source": (model(f"import inspect\n{G}", "inspect.getsource(g)"), "# one", "# two"),
    "line": (model(G, "g.__code__.co_firstlineno"), "def g", "\n\ndef g"),
    "line of an error": (
        model(G, "try: 1/0\n    except Exception as e: e.__traceback__.tb_lineno"),
        "def g",
        "\n\ndef g",
    ),
    "line by sys": (model(f"import sys\n{G}", "sys._getframe().f_lineno"), "def g", "\n\ndef g"),
    "annotation": (model("def g(x: 'one'): pass", "g.__annotations__"), "'one'", "'two'"),
    "name": (model("def one(): pass", "one.__qualname__"), "one", "two"),
    "default": (model("def g(x=1): pass", "g.__defaults__"), "x=1", "x=2"),
    "decorator": (model("import functools\n@functools.lru_cache(1)\ndef g(): pass"), "(1)", "(2)"),
}


@pytest.mark.parametrize("name", READ_FROM_ITSELF)
def test_what_code_reads_of_itself_counts(tmp_path: Path, name: str) -> None:
    text, old, new = READ_FROM_ITSELF[name]
    write(tmp_path, {"models/m.ff.py": text})
    before = sources(tmp_path)
    write(tmp_path, {"models/m.ff.py": text.replace(old, new)})
    assert sources(tmp_path).code != before.code


def test_a_docstring_counts_where_another_module_reads_it(tmp_path: Path) -> None:
    files = {"helpers.py": "def said(f):\n    return f.__doc__\n", "models/m.ff.py": model(f"import helpers\n{G}")}
    write(tmp_path, files)
    before = sources(tmp_path)
    write(tmp_path, {"models/m.ff.py": files["models/m.ff.py"].replace("'one'", "'two'")})
    assert sources(tmp_path).code != before.code


OTHER = "\n@model\ndef other(x=None):\n    return 1\n"
OTHER_MODELS = {
    "a decorator that does something": ("\n@model\n@LIST.append\ndef other(): return 1\n", "return 1", "return 2"),
    "a default that does something": (OTHER.replace("None", "LIST.append(1)"), "append(1)", "append(2)"),
    "a mention as text": (f"{OTHER}\nNAME = 'other'\n", "return 1", "return 2"),
}


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_another_model_of_the_file_counts_if_it_does_something_to_this_one(tmp_path: Path, name: str) -> None:
    other, old, new = OTHER_MODELS[name]
    write(tmp_path, {"models/m.ff.py": model("LIST = []") + other})
    before = sources(tmp_path)
    write(tmp_path, {"models/m.ff.py": model("LIST = []") + other.replace(old, new)})
    assert sources(tmp_path).code != before.code
    write(tmp_path, {"models/m.ff.py": model("LIST = []") + OTHER})
    before = sources(tmp_path)
    write(tmp_path, {"models/m.ff.py": model("LIST = []") + OTHER.replace("return 1", "return 2")})
    assert sources(tmp_path).code == before.code


ENVIRONMENT = {
    "os.environ['X']": {"X"},
    "os.environ.get('X', '')": {"X"},
    "os.getenv('X')": {"X"},
    "'X' in os.environ": {"X"},
    "os.environ.items()": {"*"},
    "dict(**os.environ)": {"*"},
    "getattr(os, 'environ')['X']": {"*"},
    "os.getenvb(b'X')": {"*"},
    "os.environb[b'X']": {"*"},
    "list(map(os.environ.get, ['X']))": {"*"},
    "(read := os.environ)['X']": {"*"},
    "os.environ.get(users)": {"*"},
    "os.__dict__['environ']": {"*"},
}


@pytest.mark.parametrize("use", ENVIRONMENT)
def test_variables_are_found_in_every_form(tmp_path: Path, use: str) -> None:
    write(tmp_path, {"models/m.ff.py": model("import os", use)})
    assert sources(tmp_path).environment == ENVIRONMENT[use]


def test_a_module_that_importlib_imports_is_that_of_the_project_and_its_edit_is_built(tmp_path: Path) -> None:
    lines = {
        "absolute": ("import importlib", "importlib.import_module('amounts').AMOUNT"),
        "renamed": ("from importlib import import_module as im", "im('pkg').inner.AMOUNT"),
        "relative": ("import importlib as il", "il.import_module('.inner', 'pkg').AMOUNT"),
    }
    files = {
        f"models/{name}.ff.py": "import pandas as pd\nfrom fft_core import model\n"
        f"{head}\n@model(deps=['users'])\ndef {name}(users):\n    return users.assign(v={value})\n"
        for name, (head, value) in lines.items()
    }
    inner = "from importlib import import_module\ninner = import_module('.inner', __name__)\n"
    amounts = {"amounts.py": "AMOUNT = 1\n", "pkg/inner.py": "AMOUNT = 1\n"}
    made = built(tmp_path, {"seeds/users.csv": CSV, "pkg/__init__.py": inner, **amounts, **files})
    assert not made.due()
    made.write({name: text.replace("1", "2") for name, text in amounts.items()})
    assert made.due() == {name: ["code_changed"] for name in lines}
    made.build()
    for name in lines:
        assert made.sql(f"select distinct v from {name}") == [(2,)]
    assert not {"amounts", "pkg"} & set(sys.modules)


def test_a_module_of_the_project_hides_one_of_its_name_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "elsewhere", {"helpers.py": ONE})
    write(tmp_path / "shop", {"models/m.ff.py": model("import helpers"), "helpers.py": ONE})
    before = sources(tmp_path / "shop").code
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    assert sources(tmp_path / "shop").code == before
