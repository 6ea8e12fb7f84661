"""Who may use the control socket."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess

import pytest

from whisperd.control.access import Access, Peer, groups_of


def test_the_kernel_names_the_peer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert Peer.of(ours) == Peer(os.getpid(), os.geteuid(), os.getegid())


def test_a_socket_without_a_peer_has_none() -> None:
    with socket.socket(socket.AF_UNIX) as alone:
        assert Peer.of(alone).pid == 0


@pytest.mark.parametrize(("uid", "groups", "allowed"), [
    (0, set(), True),
    (1000, set(), True),
    (1001, {50}, True),
    (1001, {51}, False),
    (1001, set(), False),
])
def test_root_the_owner_and_the_group_may(uid: int, groups: set[int], allowed: bool) -> None:
    assert Access(1000, 50, lambda peer: groups).allows(Peer(1, uid, 1)) is allowed


def test_without_a_group_nobody_s_groups_matter() -> None:
    assert not Access(1000, None, lambda peer: {0, 50}).allows(Peer(1, 1001, 0))


def test_supplementary_groups_are_those_of_the_user_database() -> None:
    for user in pwd.getpwall():
        listed = subprocess.run(["id", "-G", user.pw_name], capture_output=True, text=True, check=True)
        assert groups_of(Peer(1, user.pw_uid, user.pw_gid)) >= set(map(int, listed.stdout.split()))


def test_a_user_without_a_name_has_the_group_that_it_came_with() -> None:
    assert groups_of(Peer(1, 3_999_999_999 % 2**31, 77)) == {77}
