"""What is no dsn of the documented shape is refused, and nothing of it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fft_core import FftError, load_project, open_warehouse
from fft_core.engines.postgres.dsn import wrong_dsn
from fft_core.engines.spec.dsn import secret_parts

# `hun` and `ter` are the two halves of every password.
REFUSED = [
    "postgresql://u:hun/ter@h/db",
    "postgresql://u:/hunter@h/db",
    "postgresql://u:hunter/@h/db",
    "postgresql://u:12/hunter@h/db",
    "postgresql://u:hun@ter@h/db",
    "postgresql://u:@hunter@h/db",
    "postgresql://u:hun@1/ter@h/db",
    "postgresql://u:hun%ter@h/db",
    "postgresql://u:hunter%@h/db",
    "postgresql://u:hun%zzter@h/db",
    "postgresql://u:hun%00ter@h/db",
    "postgresql://u:hun ter@h/db",
    "postgresql://u:hunter@h/db ",
    "postgresql://u:hunter@h/db\n",
    "postgresql://u:hun\tter@h/db",
    "postgresql://u:hun\u00a0ter@h/db",
    "postgresql://u:[hunter]@h/db",
    "postgresql://u:hun]ter@h/db",
    "postgresql://u:hunter",
    "postgresql://u:hunter/db",
    "postgresql://u:hun?ter",
    "postgresql://u:hun#ter",
    "postgresql://u:hunter@h:port/db",
    "postgresql://u:hunter@h:99999/db",
    "postgresql://u:hunter@h:1:2/db",
    "postgresql://u:hunter@h;x/db",
    "postgresql://u:hunter@h/db/x",
    "postgresql://u:hunter@h/db#x",
    "postgresql://u:hunter@h/db?sslmode",
    "postgresql://u:hunter@h/db?hunter",
    "postgresql://u:hunter@h/db?a=b=c",
    "postgresql://u:hunter@h/db?user=me@x",
    "postgresql://h/db?user=u&password=hun@ter",
    "postgresql://h/db?user=u&password=hun%ter",
    "postgresql://u:hunter@h/db?nosuchkey=hunter",
    "u:hunter@h/db",
    "//u:hunter@h/db",
    "postgresql:u:hunter@h/db",
    "postgresql:/u:hunter@h/db",
    "POSTGRESQL://u:hunter@h/db",
    "postgresql+://u:hunter@h/db",
    "mysql://u:hunter@h/db",
    "http://u:hunter@h/db",
    "jdbc:postgresql://h/db?user=u&password=hunter",
    "'postgresql://u:hunter@h/db'",
    "dsn=postgresql://u:hunter@h/db",
    "host=h user=u password=hun ter",
    "host=h user=u password='hunter",
    "host=h user=u password='hun'ter",
    "host=h user=u password",
    "host=h hunter=1 user=u",
    "host=h; user=u; password=hunter ; x",
    "hunter",
    "{{ hunter }}",
    "$HUNTER{hunter}",
    "   ",
    "hun\0ter",
]
# with the password that Postgres is given
TAKEN = {
    "postgresql://u:hunter@h/db": "hunter",
    "postgres://u:hunter@h/db": "hunter",
    "postgresql+psycopg://u:hunter@h:5432/db": "hunter",
    "postgresql://u:hun%2Fter@h/db": "hun/ter",
    "postgresql://u:hun%40ter@h/db": "hun@ter",
    "postgresql://u:hun%20ter@h/db": "hun ter",
    "postgresql://u:hun:ter@h/db": "hun:ter",
    "postgresql://u:hun#ter@h/db": "hun#ter",
    "postgresql://u:hun?ter@h/db": "hun?ter",
    "postgresql://u:hun&x=ter@h/db": "hun&x=ter",
    "postgresql://u:hünter@h/db": "hünter",
    "postgresql://u:h%C3%BCnter@h/db": "hünter",
    "postgresql://h/db?user=u&password=hun%40ter": "hun@ter",
    "postgresql://u:hunter@h1:1,h2:2/db?target_session_attrs=any": "hunter",
    "postgresql://u:hunter@[::1]:5432/db": "hunter",
    "postgresql://u:hunter@%2Fvar%2Frun/db": "hunter",
    "postgresql://u:hunter@/db?host=/var/run": "hunter",
    "postgresql://u:hunter@h/db?options=-c%20x%3Dy": "hunter",
    "postgresql://u@h/db": "",
    "postgresql:///db": "",
    "host=h user=u password=hunter": "hunter",
    "host = h user = u password = hunter": "hunter",
    "host=h user=u password='hun ter'": "hun ter",
    "host=h user=u password='hun\\'te\\\\r'": "hun'te\\r",
    "host=h user=u password=hun\\ ter": "hun ter",
    "host=h user=u password=hun&ter;x#y": "hun&ter;x#y",
    "host=h sslkey=k sslpassword=hunter": "hunter",
    "host=h passfile=/x": "",
    "service=shop": "",
}


def project(root: Path, dsn: str | None) -> Path:
    (root / "models").mkdir(exist_ok=True)
    (root / "project.yml").write_text("name: p\nversion: '1'\n")
    (root / "models" / "m.ff.sql").write_text("select 1 as id")
    written = "" if dsn is None else ", postgres: {dsn: \"{{ env('OUR_DSN') }}\"}"
    (root / "profiles.yml").write_text(f"dev: {{engine: postgres{written}}}\n")
    return root


@pytest.mark.parametrize("dsn", REFUSED)
def test_what_is_no_dsn_is_refused_and_not_repeated(dsn: str, tmp_path: Path) -> None:
    with (
        pytest.raises(FftError) as from_variable,
        open_warehouse(load_project(project(tmp_path, None), environment={"FF_PG_DSN": dsn})),
    ):
        pass
    said = str(from_variable.value)
    chain = repr(from_variable.value.__cause__) + repr(from_variable.value.__context__)
    assert not re.search("qvx|zwk|99999", said + chain)
    assert "FF_PG_DSN" in said or "dsn of the Postgres profile" in said
    assert "hint: Write postgresql://user:password@host:5432/database" in said


def test_a_dsn_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(FftError) as caught:
        load_project(project(tmp_path, "profile"), environment={"OUR_DSN": "postgresql://u:hun/ter@h/db"})
    assert str(caught.value) == (
        "profiles.yml:1: dev.postgres.dsn has an @ after the host: a special character of user or password is not "
        "percent-encoded [FFT-205]\n    hint: Write postgresql://user:password@host:5432/database, or host=... "
        "dbname=... "
        "user=... password=...; percent-encode special characters in a URL (@ is %40, / is %2F)."
    )


@pytest.mark.parametrize("dsn", TAKEN)
def test_a_dsn_of_the_documented_shape_is_taken_and_its_password_is_known(dsn: str) -> None:
    from psycopg.conninfo import conninfo_to_dict

    assert wrong_dsn(dsn) is None
    read = conninfo_to_dict(re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", dsn))
    assert str(read.get("password") or read.get("sslpassword") or "") == TAKEN[dsn]
    assert not TAKEN[dsn] or TAKEN[dsn] in set(secret_parts(dsn))


@pytest.mark.parametrize("text", ["postgresql://u:hunter@h", "postgresql://u:hunter", "engine: x", "a b"])
def test_what_stands_for_the_engine_is_not_repeated_where_it_is_no_name(text: str, tmp_path: Path) -> None:
    project(tmp_path, None)
    with pytest.raises(FftError) as caught:
        load_project(tmp_path, environment={"FF_ENGINE": text})
    assert "the value of engine is not a name [FFT-203]" in str(caught.value)
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    "profile",
    [
        "dev: {engine: postgres, postgres: {dsn: *hunter2hunter2}}",
        "dev: {engine: postgres, postgres: {dsn: !hunter2hunter2 x}}",
        "dev: {engine: postgres, postgres: {dsn: @hunter2hunter2}}",
        "dev: {engine: postgres, postgres: {dsn: hunter2hunter2, dsn: {}}}",
        "dev: {engine: postgres, postgres: {dsn: [hunter2hunter2]}}",
        "dev: {engine: postgres, postgres: {dsn: \"{{ {}['hunter2hunter2'] }}\"}}",
        "dev: {engine: postgres, postgres: hunter2hunter2}",
        "dev: {engine: postgres, postgres: {dsn: 'x",
    ],
)
def test_a_malformed_profile_does_not_quote_it(profile: str, tmp_path: Path) -> None:
    project(tmp_path, None)
    (tmp_path / "profiles.yml").write_text(profile)
    with pytest.raises(FftError) as caught:
        load_project(tmp_path, environment={})
    assert "profiles.yml:1" in str(caught.value)
    assert "hunter2hunter2" not in str(caught.value)


def test_a_server_that_refuses_does_not_show_the_password(postgres_dsn: str) -> None:
    from fft_core.engines.postgres.session import connect

    for dsn in (
        re.sub(r"postgres@(.*)/postgres", r"nobody:hunter%40hunter@\1/nothing", postgres_dsn),
        "host=127.0.0.1 port=1 user=u password='hun ter@hunter' connect_timeout=1",
        "postgresql://u:hunter%40hunter@no.such.host.invalid/db?connect_timeout=1",
        "postgresql://u:hunter%40hunter@127.0.0.1:1/db?sslpassword=hunter%40hunter",
    ):
        with pytest.raises(FftError, match="cannot connect to Postgres at") as caught:
            connect(dsn=dsn)
        chain = (caught.value, caught.value.__cause__)
        assert "hunter" not in repr(chain) + str(caught.value)
