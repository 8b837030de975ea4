"""A right environment is read as it was meant; a wrong one stops with one sentence that quotes no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phr.core.environment import VARIABLES, DatabaseAddress, Environment, WrongSetting, read

KEY = "A" * 43
SECRET = "s3cret-that-must-not-be-printed"


def test_an_empty_environment_has_safe_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found = read({})
    assert found.database is None
    assert found.redis_url is None
    assert found.data_dir == tmp_path / "var"
    assert found.egress_allow == frozenset()
    assert not found.debug
    assert not found.registration_open
    assert found.trusted_proxy_count == 0


def test_each_variable_has_its_field() -> None:
    assert {variable.attribute for variable in VARIABLES} == set(Environment.__dataclass_fields__)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d", "starts with postgresql://"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}@h:port/d", "form shown in .env.example"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}@h", "one database"),
        ("REDIS_URL", f"amqp://:{SECRET}@h", "redis://"),
        ("PHR_SECRET_KEY", SECRET, "at least 50 characters"),
        ("PHR_KEYRING", SECRET, "32 bytes in base64url"),
        ("PHR_BASE_URL", "health.example.org", "https://health.example.org"),
        ("PHR_BASE_URL", "https://h.example/path", "no path"),
        ("PHR_ALLOWED_HOSTS", "*", "host names"),
        ("PHR_ALLOWED_HOSTS", "https://h.example", "host names"),
        ("PHR_EGRESS_ALLOW", "192.168.1.0/24", "host:port"),
        ("PHR_EGRESS_ALLOW", "*.example.org:443", "host:port"),
        ("PHR_EGRESS_ALLOW", "h:70000", "host:port"),
        ("PHR_PROFILES_DIR", "/no/such/folder", "exists"),
        ("PHR_TRUSTED_PROXY_COUNT", "-1", "0 to 10"),
        ("PHR_TRUSTED_PROXY_COUNT", "all", "0 to 10"),
        ("PHR_EMAIL_URL", f"pop3://u:{SECRET}@h", "smtp"),
        ("PHR_DEBUG", "maybe", "one of"),
    ],
)
def test_nonsense_is_one_sentence(name: str, text: str, says: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        read({name: text})
    sentence = str(caught.value)
    assert sentence.startswith(name)
    assert says in sentence
    assert "\n" not in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "url", ["http://health.example.org", "http://192.168.1.10:8000", "http://0.0.0.0", "http://notlocalhost"]
)
def test_clear_text_beyond_this_machine_needs_a_word(url: str) -> None:
    with pytest.raises(WrongSetting, match=r"^PHR_BASE_URL is http://") as caught:
        read({"PHR_BASE_URL": url})
    assert "PHR_INSECURE_HTTP=1" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert read({"PHR_BASE_URL": url, "PHR_INSECURE_HTTP": "1"}).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://health.example.org",
        "http://127.0.0.1:8000",
        "http://127.1.2.3",
        "http://[::1]:8000",
        "http://localhost:8000",
        "http://phr.localhost",
    ],
)
def test_tls_and_this_machine_need_none(url: str) -> None:
    assert read({"PHR_BASE_URL": url}).base_url == url


def test_a_misspelt_name_is_refused_with_the_right_one() -> None:
    with pytest.raises(WrongSetting, match="did you mean PHR_EGRESS_ALLOW"):
        read({"PHR_EGRES_ALLOW": "h:1"})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    file.write_text(f"{KEY}\n{KEY}\n")
    assert read({"PHR_KEYRING_FILE": str(file)}).keyring == f"{KEY}\n{KEY}"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    file.write_text(KEY)
    with pytest.raises(WrongSetting, match="both set"):
        read({"PHR_KEYRING": KEY, "PHR_KEYRING_FILE": str(file)})


@pytest.mark.parametrize("content", [None, "", b"\xff\xfe"], ids=["missing", "empty", "not_text"])
def test_an_unusable_secret_file_is_one_sentence(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WrongSetting, match="PHR_SECRET_KEY_FILE names a file that"):
        read({"PHR_SECRET_KEY_FILE": str(file)})


def test_what_is_no_secret_has_no_file_form() -> None:
    with pytest.raises(WrongSetting, match="PHR_BASE_URL_FILE is not a setting"):
        read({"PHR_BASE_URL_FILE": "/x"})


def test_an_empty_value_counts_as_not_set() -> None:
    assert read({"PHR_EMAIL_URL": "", "PHR_TRUSTED_PROXY_COUNT": " "}) == read({})


def test_egress_pairs_are_exact() -> None:
    assert read({"PHR_EGRESS_ALLOW": "127.0.0.1:9000, [::1]:9001 Portal.home.arpa:443"}).egress_allow == {
        ("127.0.0.1", 9000),
        ("::1", 9001),
        ("portal.home.arpa", 443),
    }


def test_neither_repr_holds_a_secret() -> None:
    found = read({"DATABASE_URL": f"postgresql://u:{SECRET}@h/d", "REDIS_URL": f"redis://:{SECRET}@h"})
    assert SECRET not in repr(found)


word = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"]), min_size=1
)


@given(user=word, password=word, name=word.filter(lambda text: "/" not in text), port=st.integers(1, 65535))
@pytest.mark.parametrize("host", ["db.example", "127.0.0.1", "::1", "/run/Post gres", "/var/Socket"])
def test_an_address_survives_its_url(host: str, user: str, password: str, name: str, port: int) -> None:
    address = DatabaseAddress(host=host, port=port, name=name, user=user, password=password)
    assert DatabaseAddress.parse(address.url) == address
