"""Choosing a subnet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.stacks.subnets import free

RANGE = "10.213.0.0/16"
ADDRESSES = st.integers(int(ipaddress.ip_address("10.212.0.0")), int(ipaddress.ip_address("10.214.255.255")))
NETWORKS = st.builds(
    lambda address, prefix: str(ipaddress.ip_network((address, prefix), strict=False)), ADDRESSES, st.integers(18, 30)
)


@given(taken=st.lists(NETWORKS, max_size=30), job=st.text(max_size=14), prefix=st.integers(24, 29))
def test_a_chosen_subnet_is_inside_the_range_and_overlaps_nothing(taken: list[str], job: str, prefix: int) -> None:
    chosen = ipaddress.ip_network(free(taken, RANGE, prefix, job))
    assert isinstance(chosen, ipaddress.IPv4Network)
    assert chosen.prefixlen == prefix
    assert chosen.subnet_of(ipaddress.IPv4Network(RANGE))
    assert not any(chosen.overlaps(ipaddress.IPv4Network(one)) for one in taken)


def test_every_subnet_of_a_range_is_given_before_it_is_full() -> None:
    taken: list[str] = ["fd00::/64"]  # an IPv6 network is in nobody's way
    for number in range(4):
        taken.append(free(taken, "10.9.0.0/26", 28, f"job{number}"))
    assert len(set(taken)) == 5
    with pytest.raises(InfrastructureError, match=r"all 4 subnets of 10\.9\.0\.0/26 are in use"):
        free(taken, "10.9.0.0/26", 28, "one more")


def test_jobs_begin_their_search_in_different_places() -> None:
    assert len({free([], RANGE, 28, f"job{number}") for number in range(20)}) > 15


@pytest.mark.parametrize("prefix", [15, 30])
def test_a_prefix_that_cannot_work_is_refused(prefix: int) -> None:
    with pytest.raises(InfrastructureError, match=f"no /{prefix} fits into"):
        free([], RANGE, prefix, "job")
