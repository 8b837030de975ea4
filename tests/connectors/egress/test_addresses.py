from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egress.addresses import Address, is_allowed, parse_address

INTERNAL = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2001:2::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "5f00::1",
    "2600:1f18::5efe:10.0.0.1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2600:1f18::1", "2a00:1450::1"]


@pytest.mark.parametrize("text", INTERNAL)
def test_it_refuses_an_internal_address(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not is_allowed(address)


@pytest.mark.parametrize("text", PUBLIC)
def test_it_allows_a_public_address(text: str) -> None:
    assert is_allowed(ip_address(text))


@pytest.mark.parametrize("text", ["64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
def test_it_judges_a_carried_address_by_what_is_carried(text: str) -> None:
    assert is_allowed(ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "192.168.1.5", "10.1.1.1", "100.64.0.9", "::1", "fd12::1", "::ffff:127.0.0.1"],
)
def test_a_listed_port_may_be_at_home(text: str) -> None:
    assert is_allowed(ip_address(text), home=True)


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "192.0.0.192", "fe80::1", "64:ff9b::169.254.169.254"]
)
def test_a_listed_port_is_still_no_metadata_service(text: str) -> None:
    assert not is_allowed(ip_address(text), home=True)


@given(st.ip_addresses())
def test_whatever_we_allow_the_standard_library_calls_global_or_carries_it(address: Address) -> None:
    carried = getattr(address, "ipv4_mapped", None)
    if is_allowed(address) and carried is None and not str(address).startswith("64:ff9b:"):
        assert address.is_global


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "2130706433"])
def test_it_takes_only_what_a_resolver_prints(text: str) -> None:
    assert parse_address(text) is None
