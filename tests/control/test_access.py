"""Who may use the control socket."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess

import pytest

from whisperd.control.access import EVERYTHING, NOTHING, READING, AccessRule, Peer, groups_of
from whisperd.control.commands import ADMIN, CONVERSE, READ


def test_the_kernel_names_the_peer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert Peer.of(ours) == Peer(os.getpid(), os.geteuid(), os.getegid())


def test_a_socket_without_a_peer_has_none() -> None:
    with socket.socket(socket.AF_UNIX) as alone:
        assert Peer.of(alone).pid == 0


@pytest.mark.parametrize(("uid", "groups", "rights"), [
    (0, set(), EVERYTHING),
    (1000, set(), EVERYTHING),
    (1001, {50}, EVERYTHING),
    (1001, {51}, NOTHING),
    (1001, set(), NOTHING),
])
def test_root_the_owner_and_the_group_may(uid: int, groups: set[int], rights: frozenset[str]) -> None:
    assert AccessRule(1000, 50, groups_of=lambda peer: groups).rights(Peer(1, uid, 1)) == rights


@pytest.mark.parametrize(("uid", "groups", "rights"), [
    (0, set(), EVERYTHING),
    (1000, set(), EVERYTHING),
    (1001, {50}, READING),
    (1001, {50, 60}, EVERYTHING),
    (1001, {60}, NOTHING),
    (1001, set(), NOTHING),
])
def test_a_group_of_administrators_leaves_the_others_to_read(uid: int, groups: set[int],
                                                             rights: frozenset[str]) -> None:
    assert AccessRule(1000, 50, 60, lambda peer: groups).rights(Peer(1, uid, 1)) == rights


def test_without_a_group_nobody_s_groups_matter() -> None:
    assert AccessRule(1000, None, groups_of=lambda peer: {0, 50}).rights(Peer(1, 1001, 0)) == NOTHING


def test_reading_is_not_administering_and_not_conversing() -> None:
    assert {READ} == READING < EVERYTHING == {READ, ADMIN, CONVERSE}


def test_supplementary_groups_are_those_of_the_user_database() -> None:
    for user in pwd.getpwall():
        listed = subprocess.run(["id", "-G", user.pw_name], capture_output=True, text=True, check=True)
        assert groups_of(Peer(1, user.pw_uid, user.pw_gid)) >= set(map(int, listed.stdout.split()))


def test_a_process_that_changed_its_group_is_in_both() -> None:
    user = pwd.getpwall()[-1]
    assert groups_of(Peer(1, user.pw_uid, 77)) >= {77, user.pw_gid}


def test_a_user_without_a_name_has_the_group_that_it_came_with() -> None:
    assert groups_of(Peer(1, 3_999_999_999 % 2**31, 77)) == {77}
