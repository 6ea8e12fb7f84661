"""The addresses of the relay before there is a tor: rotations, what is kept of them, and the time of retirement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from whisperd import config
from whisperd.errors import OnionKeyUnusable, RotationRefused
from whisperd.tor.onion.publication import Ports
from whisperd.tor.onion.rotation import Addresses
from whisperd.tor.surroundings import TorSurroundings

HOUR = 3600.0


class World:
    """Addresses of one daemon on a clock of the test's own; ``again`` is the next process in the same place."""

    def __init__(self, folder: Path, *, key: str = "persistent", clock: Clock | None = None) -> None:
        self.folder, self.key, self.clock = folder, key, clock or Clock()
        self.told: list[tuple[str, dict[str, Any]]] = []
        settings = config.load(None, {"onion.key": key, "onion.key_file": str(folder / "onion.key")}).onion
        self.addresses = Addresses(settings, reactor=self.clock, on_upload=lambda: None,
                                   around=TorSurroundings(now=self.clock.seconds),
                                   emit=lambda name, **fields: self.told.append((name, fields)))
        self.addresses.want(Ports(1))

    def again(self) -> World:
        return World(self.folder, key=self.key, clock=self.clock)

    @property
    def retiring(self) -> Any:
        return self.addresses.status()["retiring"]

    @property
    def files(self) -> dict[str, int]:
        return {path.name: path.stat().st_mode & 0o777 for path in self.folder.iterdir()}


@pytest.mark.parametrize("key", ["persistent", "ephemeral"])
def test_the_one_before_is_kept_for_the_overlap_and_no_longer(tmp_path, key):
    world = World(tmp_path, key=key)
    made = world.addresses.rotate(2 * HOUR)
    assert world.addresses.address == made["address"] != made["old"]
    assert world.retiring == {"address": made["old"], "state": "absent", "seconds": 7200}
    world.clock.pump([30.0] * 239)
    assert world.retiring["seconds"] == 30
    world.clock.advance(30)
    assert world.retiring is None
    assert world.told == [("onion-rotated", {"address": made["address"], "old": made["old"], "seconds": 7200}),
                          ("onion-retired", {"address": made["old"]})]
    assert world.files == ({"onion.key": 0o600} if key == "persistent" else {})


def test_the_next_process_goes_on_with_the_overlap_and_the_one_after_it_with_the_new_key_alone(tmp_path):
    world = World(tmp_path)
    made = world.addresses.rotate(HOUR)
    assert world.files == {"onion.key": 0o600, "onion.key.retiring": 0o600}
    world.clock.advance(600)
    second = world.again()
    assert second.retiring == {"address": made["old"], "state": "absent", "seconds": 3000}
    assert second.addresses.credential().address == made["address"]
    world.clock.advance(HOUR)
    third = world.again()
    assert third.retiring is None and third.files == {"onion.key": 0o600}


def test_a_second_rotation_waits_for_the_first_unless_everything_old_is_to_go(tmp_path):
    world = World(tmp_path)
    first = world.addresses.rotate(HOUR)
    with pytest.raises(RotationRefused, match=first["old"][:56]):
        world.addresses.rotate(HOUR)
    assert world.addresses.address == first["address"]
    second = world.addresses.rotate(0)
    assert second["old"] == first["address"] and world.retiring is None
    assert [name for name, _ in world.told] == ["onion-rotated", "onion-retired", "onion-rotated"]
    assert world.files == {"onion.key": 0o600} and world.again().addresses.credential().address == second["address"]


def test_the_one_before_can_be_let_go_at_once_and_only_once(tmp_path):
    world = World(tmp_path)
    made = world.addresses.rotate(HOUR)
    assert world.addresses.retire() == made["old"]
    assert world.retiring is None and world.files == {"onion.key": 0o600}
    with pytest.raises(RotationRefused, match="no old address"):
        world.addresses.retire()


def test_a_rotation_that_cannot_be_kept_changes_nothing(tmp_path):
    world = World(tmp_path)
    address = world.addresses.credential().address
    (tmp_path / "onion.key.retiring").mkdir()
    with pytest.raises(OnionKeyUnusable):
        world.addresses.rotate(HOUR)
    assert world.addresses.address == address and world.retiring is None and world.told == []
    (tmp_path / "onion.key.retiring").rmdir()
    assert world.again().addresses.credential().address == address


def test_a_rotation_that_was_cut_off_between_the_two_files_has_not_happened(tmp_path):
    world = World(tmp_path)
    address = world.addresses.credential().address
    key = (tmp_path / "onion.key").read_text()
    (tmp_path / "onion.key.retiring").write_text(f"{key}until 999999\n")
    (tmp_path / "onion.key.retiring").chmod(0o600)
    after = world.again()
    assert after.retiring is None and after.addresses.credential().address == address
    assert after.files == {"onion.key": 0o600}


@pytest.mark.parametrize(("content", "mode"), [
    ("nonsense\n", 0o600), ("ED25519-V3:AAAA\nuntil 99\n", 0o600), ("{key}until tomorrow\n", 0o600),
    ("{key}until 99999\n", 0o644), ("{key}", 0o600),
])
def test_a_kept_key_that_cannot_be_used_is_told_and_the_address_in_force_goes_on(tmp_path, content, mode):
    World(tmp_path).addresses.credential()
    other = World(tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    other.addresses.credential()
    path = tmp_path / "onion.key.retiring"
    path.write_text(content.format(key=(tmp_path / "other" / "onion.key").read_text()))
    path.chmod(mode)
    world = World(tmp_path)
    assert world.addresses.error.code == "onion-key-unusable" and world.retiring is None
    assert world.addresses.credential().address.endswith(".onion") and path.exists()
