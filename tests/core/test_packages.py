"""Packages: models and macros of other projects, where they come from, and what can be wrong with them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from git_repositories import commit, git
from written_projects import loaded, opened, write_project

from fft_core import ProjectError, load_project
from fft_core.project.packages.install import install_packages
from fft_core.project.read import cache
from fft_core.project.read.cache_folder import ProjectCache

MANIFEST = 'name: shared\nversion: "0.2.0"\nvars: {ignored: 1}\nhooks: {also: ignored}\n'
SHARED = {
    "project.yml": MANIFEST,
    "models/macros/text.sql": "{% macro shout(x) %}upper({{ x }}){% endmacro %}",
    "models/staging/people.ff.sql": "select id, {{ shout('name') }} as name from {{ source('crm', 'users') }}",
    "models/staging/people.yml": """\
        version: 2
        models:
          - {name: people, description: From the package., columns: [{name: id, tests: [not_null]}]}
        """,
}
SHOP = {
    "packages.yml": "packages:\n  - {name: shared, path: ../shared}\n",
    "sources.yml": "crm: {users: {identifier: raw_users}}\n",
    "seeds/raw_users.csv": "id,name\n1,ann\n2,bob\n",
    "models/mart.ff.sql": "select count(*) as n, max(name) as last from {{ ref('people') }}",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write a package: it has no profiles.yml."""
    write_project(folder, files)
    (folder / "profiles.yml").unlink()
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path / "shared", SHARED)
    return write_project(tmp_path / "shop", SHOP)


@pytest.fixture
def git_shop(tmp_path: Path) -> Path:
    """A project with a package in a folder of a git repository; it is not installed."""
    commit(tmp_path / "repository", {f"fft/{name}": text for name, text in SHARED.items()}, tag="v0.2.0")
    packages = "packages:\n  - name: shared\n    git: ../repository\n    subdir: fft\n    branch: main\n"
    return write_project(tmp_path / "shop", {**SHOP, "packages.yml": packages})


def installed(root: Path) -> Path:
    return root / ".fastflowtransform" / "packages" / "git" / "shared" / "repo" / "fft"


def wrong(root: Path) -> str:
    with pytest.raises(ProjectError) as caught:
        load_project(root, environment={})
    return str(caught.value)


def refused(root: Path, **options: Any) -> str:
    with pytest.raises(ProjectError) as caught:
        install_packages(root, **options)
    return str(caught.value)


# what a package gives


def test_models_macros_and_tests_of_a_package_are_those_of_the_project(shop: Path) -> None:
    with opened(shop) as world:
        world.build()
        assert world.rows("select n, last from mart") == [(2, "BOB")]
        people = world.project.models["people"]
        assert (people.package, str(people.folder), people.description) == ("shared", "staging", "From the package.")
        assert str(people.location) == "packages/shared/models/staging/people.ff.sql:1"
        assert world.project.file(people.path) == shop.parent / "shared" / "models" / "staging" / "people.ff.sql"
        assert [check.name for check in world.project.checks_of("people")] == ["not_null_id"]
        assert world.project.variables == {}


def test_what_the_project_says_of_a_packages_model_wins(shop: Path) -> None:
    project = loaded(
        shop,
        {
            "project.yml": """\
                name: shop
                version: "1"
                tests: [{type: unique, table: people, column: id}]
                models: {incremental: {counted: {unique_key: id}}}
                """,
            "models/ours.yml": "version: 2\nmodels: [{name: people, description: Ours.}]\n",
        },
    )
    assert project.models["people"].description == "Ours."
    assert [check.type for check in project.checks_of("people")] == ["unique", "not_null"]


def test_macros_of_the_project_override_those_of_packages_also_inside_their_files(shop: Path) -> None:
    """`greet` and `shout` stand in one file of the package; the project has a `shout` of its own."""
    texts = (
        "{% macro shout(x) %}upper({{ x }}){% endmacro %}{% macro greet(x) %}'hello ' || {{ shout(x) }}{% endmacro %}"
    )
    write(shop.parent / "shared", {**SHARED, "models/macros/text.sql": texts})
    files = {
        "models/macros/mine.sql": "{% macro shout(x) %}reverse({{ x }}){% endmacro %}",
        "models/greeting.ff.sql": "select {{ greet(\"'abc'\") }} as said",
    }
    with opened(shop, files) as world:
        world.build()
        assert world.rows("select said from greeting") == [("hello cba",)]
        assert world.rows("select name from people order by id") == [("nna",), ("bob",)]


def test_python_models_of_a_package_import_its_own_modules(shop: Path) -> None:
    model = """\
        import rates
        from fft_core import model

        @model(deps=["people"])
        def priced(people):
            return people.assign(price=rates.PRICE if len(people) else boom)
        """
    write(shop.parent / "shared", {**SHARED, "models/priced.ff.py": model, "rates.py": "PRICE = 7\n"})
    write_project(shop, {**SHOP, "rates.py": "PRICE = -1\n"})
    with opened(shop) as world:
        world.build()
        assert world.rows("select distinct price from priced") == [(7,)]
    (shop.parent / "shared" / "rates.py").write_text("PRICE = 1 / 0\n")
    with opened(shop) as world, pytest.raises(Exception, match=r"packages/shared/rates\.py:1 in <module>"):
        world.build("priced")


def test_a_second_load_reads_no_file_of_a_package(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_project(shop, environment={})
    monkeypatch.setattr("fft_core.project.read.load.keep_project", lambda *_: pytest.fail("it was read again"))
    assert load_project(shop, environment={}) == first
    monkeypatch.undo()
    for edit in (
        lambda: (shop.parent / "shared" / "models" / "more.ff.sql").write_text("select 1 as id"),
        lambda: (shop.parent / "shared" / "project.yml").write_text(MANIFEST.replace("0.2.0", "0.3.0")),
        lambda: (shop / "packages.yml").write_text("shared: {path: ../shared, models_dir: models/staging}\n"),
    ):
        edit()  # type: ignore[no-untyped-call]
        edited = load_project(shop, environment={})
        (ProjectCache(shop).folder / cache.FILE).unlink()
        assert edited == load_project(shop, environment={}) != first
        first = edited


def test_other_forms_and_folders_of_models(tmp_path: Path) -> None:
    write(
        tmp_path / "a", {"project.yml": "name: a\nversion: 0.1\nmodels_dir: sql\n", "sql/one.ff.sql": "select 1 as x"}
    )
    write(tmp_path / "b", {"project.yml": "name: b\nversion: 0.1\n", "elsewhere/deep/two.ff.sql": "select 2 as x"})
    shorthand = "a: ../a\nb: {path: ../b, models_dir: elsewhere}\n"
    for text in (shorthand, "packages:\n" + "".join(f"  {line}\n" for line in shorthand.splitlines())):
        project = loaded(tmp_path / "shop", {"packages.yml": text})
        assert {m.name: (m.package, str(m.folder)) for m in project.models.values()} == {
            "one": ("a", "."),
            "two": ("b", "deep"),
        }


def test_macros_of_a_package_override_those_that_it_depends_on(tmp_path: Path) -> None:
    macro = "{{% macro which() %}}'{}'{{% endmacro %}}"
    depends = (
        "name: top\nversion: 1.0\ndependencies: [{name: base, version: '>=1,<2'}, {name: absent, optional: true}]\n"
    )
    write(tmp_path / "top", {"project.yml": depends, "models/macros/m.sql": macro.format("top")})
    write(tmp_path / "base", {"project.yml": "name: base\nversion: 1.5\n", "models/macros/m.sql": macro.format("base")})
    files = {"packages.yml": "top: ../top\nbase: ../base\n", "models/m.ff.sql": "select {{ which() }} as which"}
    with opened(tmp_path / "shop", files) as world:
        assert list(world.project.packages) == ["base", "top"]
        world.build()
        assert world.rows("select which from m") == [("top",)]


# what can be wrong


def test_a_model_of_the_project_takes_the_place_of_a_packages(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = loaded(shop, {"models/people.ff.sql": "select 1 as id"})
    assert project.models["people"].path == Path("models/people.ff.sql")
    theirs = "packages/shared/models/staging/people.ff.sql:1"
    assert f"models/people.ff.sql:1: model 'people' replaces the one in {theirs}" in caplog.text


def test_models_of_one_name_are_named_with_both_places(shop: Path) -> None:
    (shop.parent / "shared" / "models" / "people.ff.sql").write_text("select 1 as id")
    assert "model 'people' is also in packages/shared/models/" in wrong(shop)


def test_a_file_that_leads_nowhere_is_a_problem_of_it(shop: Path) -> None:
    (shop.parent / "shared" / "models" / "gone.ff.sql").symlink_to("nowhere")
    (shop / "models" / "lost.ff.sql").symlink_to("nowhere")
    said = wrong(shop)
    assert "packages/shared/models/gone.ff.sql: the file cannot be read: No such file or directory [FFT-103]" in said
    assert "models/lost.ff.sql: the file cannot be read: No such file or directory [FFT-103]" in said


def test_problems_inside_a_package_say_where(shop: Path) -> None:
    write(
        shop.parent / "shared",
        {
            **SHARED,
            "models/bad.ff.sql": "select *\nfrom {{ ref('peple') }}",
            "models/worse.ff.sql": "select * from {{ source('erp', 'orders') }}",
            "models/macros/broken.sql": "{% macro %}",
        },
    )
    said = wrong(shop)
    assert "packages/shared/models/bad.ff.sql:2: ref('peple') is not a model or seed [FFT-110]" in said
    assert "packages/shared/models/worse.ff.sql:1: source('erp', 'orders') is not in sources.yml [FFT-112]" in said
    assert "packages/shared/models/macros/broken.sql:1: template error" in said


@pytest.mark.parametrize(
    ("packages", "manifest", "said"),
    [
        (
            "- {name: shared, path: ../nowhere}",
            None,
            "packages.yml:2: package 'shared': the folder '../nowhere' does not exist [FFT-171]",
        ),
        ("- {name: shared, path: .}", None, "packages.yml:2: package 'shared' is this project itself [FFT-171]"),
        ("- {name: shared}", None, "packages.yml:2: packages.0: set exactly one of path and git [FFT-106]"),
        (
            "- {name: shared, path: ../shared, branch: x}",
            None,
            "packages.yml:2: packages.0: branch is for git packages [FFT-106]",
        ),
        ("- {name: x, git: g, tag: a, rev: b}", None, "packages.yml:2: packages.0: set one of tag, rev [FFT-106]"),
        (
            "- {name: x, git: ../x, branch: ''}",
            None,
            "packages.yml:2: packages.0.branch: String should have at least 1",
        ),
        ("- {name: ../x, path: ../shared}", None, "packages.yml:2: packages.0.name: String should match pattern"),
        ("- {nam: shared, path: ../shared}", None, "packages.yml:2: unknown key 'nam' in packages.0 [FFT-101]"),
        (
            "- {name: shared, path: ../shared}\n  - {name: Shared, path: ../b}",
            None,
            "packages.yml:3: package 'Shared' is also in packages.yml:2 [FFT-120]",
        ),
        ("- {name: other, path: ../shared}", None, "packages.yml:2: packages/shared"),
        (
            "- {name: shared, path: ../shared, version: '>=0.3'}",
            None,
            "packages.yml:2: package 'shared' has the version 0.2.0; >=0.3 is required [FFT-171]",
        ),
        (
            "- {name: shared, path: ../shared, version: ^0.2}",
            None,
            "packages.yml:2: package 'shared' '^0.2' is not a range of versions",
        ),
        (
            "- {name: shared, path: ../shared, version: '>=0.1'}",
            "name: shared\nversion: newest\n",
            "has the version 'newest', which cannot be compared",
        ),
        (
            "- {name: shared, path: ../shared, version: '>=0.1'}",
            "name: shared\n",
            "package 'shared' has no version; >=0.1 is required [FFT-171]",
        ),
        (
            "- {name: shared, path: ../shared}",
            "version: 1.0\n",
            "packages/shared/project.yml:1: missing key 'name' [FFT-105]",
        ),
        ("- {name: shared, path: ../shared}", "name: [\n", "packages/shared/project.yml:2: invalid YAML"),
        (
            "- {name: shared, path: ../shared, models_dir: ../shop/models}",
            None,
            "packages.yml:2: package 'shared' has no folder '../shop/models' [FFT-171]",
        ),
        (
            "- {name: shared, path: ../shared}",
            "name: shared\nfft_version: '>=0.7'\n",
            (
                "packages/shared/project.yml:2: package 'shared' needs FFT >=0.7; this FFT reads the format of FFT "
                "0.6 [FFT-171]"
            ),
        ),
        (
            "- {name: shared, path: ../shared}",
            "name: shared\ndependencies:\n  - core\n",
            "packages/shared/project.yml:3: package 'shared' depends on 'core', which is not in packages.yml [FFT-171]",
        ),
        (
            "- {name: shared, path: ../shared}\n  - {name: b, path: ../b}",
            "name: shared\ndependencies: {b: '<1'}\n",
            (
                "packages/shared/project.yml:2: package 'shared' depends on 'b', which has the version 1.0; <1 is "
                "required [FFT-171]"
            ),
        ),
        (
            "- {name: shared, path: ../shared}\n  - {name: b, path: ../b}",
            "name: shared\nversion: 0.1\ndependencies: [b]\n",
            "packages.yml: packages depend on each other: ",
        ),
        (
            "- {name: shared, git: ../shared}",
            None,
            "packages.yml:2: package 'shared' is not installed [FFT-170]\n    hint: Run: fft",
        ),
    ],
)
def test_a_package_that_cannot_be_used_says_why_and_where(
    shop: Path, packages: str, manifest: str | None, said: str
) -> None:
    write(shop.parent / "b", {"project.yml": "name: b\nversion: 1.0\ndependencies: [shared]\n", "models/x.yml": ""})
    (shop / "packages.yml").write_text(f"packages:\n  {packages}\n")
    if manifest is not None:
        (shop.parent / "shared" / "project.yml").write_text(manifest)
    if "name: other" in packages:
        said = "packages.yml:2: packages/other/project.yml:1 is called 'shared', not 'other' [FFT-171]"
    assert said in wrong(shop)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "pakages:\n  - {name: a}\n",
            "packages.yml:1: pakages must be a path, or a mapping [FFT-106]\n    hint: Did you mean 'packages'?",
        ),
        ("packages: yes\n", "packages.yml:1: packages must be a list, or a mapping of names [FFT-106]"),
        ("packages: []\nmore: 1\n", "packages.yml:2: unknown key 'more' in the file [FFT-101]"),
        ("packages: [\n", "packages.yml:2: invalid YAML"),
        ("packages: [3]\n", "packages.yml:1: packages.0 must be a mapping [FFT-106]"),
    ],
)
def test_a_packages_file_that_cannot_be_read_says_why(shop: Path, text: str, said: str) -> None:
    (shop / "packages.yml").write_text(text)
    assert said in wrong(shop)


# git


def test_a_git_package_is_installed_once_and_kept_at_its_commit(git_shop: Path) -> None:
    assert "packages.yml:2: package 'shared' is not installed [FFT-170]\n    hint: Run: fft deps" in wrong(git_shop)
    (first,) = install_packages(git_shop)
    assert (first.state, first.version, first.origin) == ("installed", "0.2.0", "../repository fft branch main")
    project = load_project(git_shop, environment={})
    assert project.packages["shared"].commit == first.commit == git(git_shop.parent / "repository", "rev-parse", "HEAD")
    assert not (installed(git_shop).parent / ".git").exists()
    lock = (git_shop / "packages.lock.yml").read_text()
    assert str(first.commit) in lock

    newer = commit(git_shop.parent / "repository", {"fft/models/more.ff.sql": "select 1 as id"})
    assert [p.state for p in install_packages(git_shop)] == ["unchanged"]
    assert (git_shop / "packages.lock.yml").read_text() == lock
    (upgraded,) = install_packages(git_shop, upgrade=True)
    assert (upgraded.state, upgraded.commit) == ("updated", newer)
    assert "more" in load_project(git_shop, environment={}).models
    assert [p.state for p in install_packages(git_shop, upgrade=True)] == ["unchanged"]

    (git_shop / "packages.lock.yml").write_text(lock)  # as when an older commit is checked out
    assert f"is installed at {newer[:12]}, packages.lock.yml has {str(first.commit)[:12]}" in wrong(git_shop)
    assert [p.state for p in install_packages(git_shop)] == ["updated"]
    assert "more" not in load_project(git_shop, environment={}).models


def test_a_load_never_runs_git(git_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_packages(git_shop)
    git_shop.parent.joinpath("repository").rename(git_shop.parent / "gone")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a load starts a program"))
    assert "people" in load_project(git_shop, environment={}).models
    assert [p.state for p in install_packages(git_shop)] == ["unchanged"]  # nothing is asked where the lock fits


@pytest.mark.parametrize(
    ("revision", "version"),
    [
        ("tag: v0.1.0", "0.1.0"),
        ("ref: v0.1.0", "0.1.0"),
        ("ref: next", "0.3.0"),
        ("branch: next", "0.3.0"),
        ("rev: '{first}'", "0.1.0"),  # a short commit can be all digits
        ("", "0.2.0"),
    ],
)
def test_what_is_wanted_of_a_repository_is_what_is_there(git_shop: Path, revision: str, version: str) -> None:
    repository = git_shop.parent / "other"
    text = "name: shared\nversion: {}\n".format
    first = commit(repository, {**SHARED, "project.yml": text("0.1.0")}, tag="v0.1.0")
    commit(repository, {"project.yml": text("0.2.0")})
    git(repository, "checkout", "--quiet", "-b", "next")
    commit(repository, {"project.yml": text("0.3.0")})
    git(repository, "checkout", "--quiet", "main")
    said = revision.format(first=first[:10])
    (git_shop / "packages.yml").write_text(f"packages: [{{name: shared, git: {repository.as_uri()}, {said}}}]\n")
    assert [p.version for p in install_packages(git_shop)] == [version]
    assert load_project(git_shop, environment={}).packages["shared"].version == version


def test_what_fails_leaves_all_as_it_was(git_shop: Path) -> None:
    install_packages(git_shop)
    before = {path: path.read_bytes() for path in sorted(git_shop.rglob("*")) if path.is_file()}
    good = "  - {name: shared, git: ../repository, subdir: fft, branch: main}\n"
    commit(git_shop.parent / "repository", {"fft/models/more.ff.sql": "select 1 as id"})
    for bad, said in (
        (
            "{name: b, git: ../nothing}",
            "packages.yml:3: package 'b': git clone: fatal: repository '../nothing' does not",
        ),
        ("{name: b, git: ../repository, tag: v9}", "package 'b': ../repository has no tag 'v9' [FFT-172]"),
        ("{name: b, git: ../repository}", "package 'b' has no project.yml [FFT-171]"),
        ("{name: b, git: ../repository, subdir: ../..}", "subdir '../..' leaves the repository [FFT-171]"),
        (
            "{name: b, git: ../repository, subdir: nowhere}",
            "package 'b': its repository has no folder 'nowhere' [FFT-171]",
        ),
        ("{name: b, git: ../repository, subdir: fft}", "is called 'shared', not 'b' [FFT-171]"),
        ("{name: b, git: --upload-pack=evil}", "package 'b': git clone: fatal: "),
        ("{name: b, git: ../repository, ref: --all}", "package 'b': ../repository has no ref '--all'"),
    ):
        (git_shop / "packages.yml").write_text(f"packages:\n{good}  - {bad}\n")
        assert said in refused(git_shop, upgrade=True)
        after = {path: path.read_bytes() for path in sorted(git_shop.rglob("*")) if path.is_file()}
        assert {**after, git_shop / "packages.yml": b""} == {**before, git_shop / "packages.yml": b""}


def test_another_revision_is_asked_for_by_deps_not_by_a_load(git_shop: Path) -> None:
    install_packages(git_shop)
    text = (git_shop / "packages.yml").read_text()
    (git_shop / "packages.yml").write_text(text.replace("branch: main", "tag: v0.2.0"))
    assert "installed from ../repository branch main, packages.yml says ../repository tag v0.2.0 [FFT-170]" in wrong(
        git_shop
    )
    install_packages(git_shop)
    (git_shop / "packages.lock.yml").unlink()
    assert "differs from its entry in packages.lock.yml" in wrong(git_shop)
    install_packages(git_shop)
    load_project(git_shop, environment={})
    (git_shop / "packages.yml").write_text("packages: []\n")
    (removed,) = install_packages(git_shop)
    assert (removed.name, removed.state) == ("shared", "removed")
    assert not (git_shop / "packages.lock.yml").exists()
    assert not installed(git_shop).exists()


def test_the_repository_of_a_git_hook_is_not_mistaken_for_the_packages(
    git_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git sets these for what a hook calls, as `fft deps` after a checkout."""
    commit_there = git(git_shop.parent / "repository", "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(git_shop / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(git_shop / "index"))
    (package,) = install_packages(git_shop)
    assert package.commit == commit_there
    assert not (git_shop / "index").exists()


def test_a_lock_that_cannot_be_kept_to_is_said(git_shop: Path) -> None:
    install_packages(git_shop)
    lock = git_shop / "packages.lock.yml"
    good = lock.read_text()
    commit_line = next(line for line in good.splitlines() if "commit:" in line)
    lock.write_text(good.replace(commit_line, f"    commit: {'f' * 40}"))
    said = refused(git_shop)
    assert "commit ffffffffffff of packages.lock.yml is no longer in ../repository" in said
    assert "fft deps --upgrade" in said
    lock.write_text(good.replace(commit_line, "    commit: main"))
    assert "packages.lock.yml:7: packages.shared.commit: String should match pattern" in refused(git_shop)
    lock.write_text("version: 1\npackages: [written by the original]\n")
    install_packages(git_shop)
    assert lock.read_text() == good


def test_credentials_are_neither_kept_nor_shown(git_shop: Path) -> None:
    secret = "hunter2"
    (git_shop / "packages.yml").write_text(f"shared: {{git: 'https://me:{secret}@localhost:9/x.git'}}\n")
    assert secret not in refused(git_shop)
    assert "https://localhost:9/x.git" in refused(git_shop)
    url = (git_shop.parent / "repository").as_uri().replace("file://", f"file://me:{secret}@localhost")
    (git_shop / "packages.yml").write_text(f"shared: {{git: '{url}', subdir: fft}}\n")
    said = install_packages(git_shop) if "localhost" in url else ()
    assert secret not in repr(said) + (git_shop / "packages.lock.yml").read_text()
    assert secret not in next(git_shop.rglob("installed.json")).read_text()
    assert "people" in load_project(git_shop, environment={}).models


def test_packages_that_lie_in_folders_need_no_lock(shop: Path) -> None:
    (package,) = install_packages(shop)
    assert (package.state, package.origin, package.commit) == ("folder", "../shared", None)
    assert not (shop / "packages.lock.yml").exists()
    (shop / "packages.yml").unlink()
    assert install_packages(shop) == ()
