"""Whose address it is."""

import pytest

from doorward.front_door.addresses import Addresses
from doorward.http.addresses import bucket

PROXIES = Addresses(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", ["1.1.1.1"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense, 10.2.2.2"], "10.2.2.2"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    """AP-HTP-03."""
    assert PROXIES.client(peer, forwarded) == client


def test_without_trusted_proxies_the_header_says_nothing() -> None:
    """AP-HTP-03."""
    assert Addresses([]).client("127.0.0.1", ["1.1.1.1"]) == "127.0.0.1"


def test_an_ipv6_host_has_one_bucket_for_its_64_and_ipv4_in_disguise_is_ipv4() -> None:
    """AP-HTP-03."""
    assert bucket("2001:db8:0:1::1") == bucket("2001:db8:0:1:ffff::9")
    assert bucket("2001:db8:0:1::1") != bucket("2001:db8:0:2::1")
    assert bucket("::ffff:203.0.113.9") == bucket("203.0.113.9") == "203.0.113.9"
    assert bucket("") == "unknown"
