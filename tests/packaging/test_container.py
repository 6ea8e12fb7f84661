"""The files of contrib/container fit together: what one container is told is where the other one puts it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.house.pages import ROOT
from whisperd.config import load

CONTAINER = ROOT / "contrib/container"
TORRC = (CONTAINER / "torrc").read_text()
COMPOSE = (CONTAINER / "compose.yaml").read_text()
FILE = (CONTAINER / "Containerfile").read_text()


def option(name: str) -> str:
    return re.findall(rf"^{name} (.*)$", TORRC, re.M)[0]


def mounts(service: str) -> dict[str, str]:
    """Return the folders of a service's volumes, by volume."""
    part = re.search(rf"^  {service}:\n(.*?)(?=^\S|^  \w+:$|\Z)", COMPOSE, re.M | re.S)[1]
    volumes = re.search(r"volumes: \[(.*)\]", part)[1]
    return dict(each.strip().strip('"').split(":")[:2] for each in volumes.split(","))


def test_tor_takes_its_torrc(tmp_path: Path) -> None:
    lines = [line.replace("/var/lib/", f"{tmp_path}/").replace("/etc/tor/", f"{tmp_path}/etc/")
             for line in TORRC.splitlines()]
    for name in ("tor/data", "onion", "etc/torrc.d"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name).chmod(0o700)
    (tmp_path / "torrc").write_text("\n".join(lines))
    found = subprocess.run(["tor", "--verify-config", "--defaults-torrc", "/dev/null", "-f", str(tmp_path / "torrc")],
                           capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_the_relay_listens_where_tor_connects_and_reads_the_name_where_tor_writes_it() -> None:
    config = load(CONTAINER / "whisperd.toml")
    assert config.relay.listen == (f"haproxy:{option('HiddenServicePort').split()[1]}:mode=660",)
    assert option("HiddenServiceExportCircuitID") == "haproxy"
    assert config.onion.hostname_file == f"{option('HiddenServiceDir')}/hostname"
    assert config.tor.mode == "managed" and not config.peer.enabled and config.onion.probe_interval == 0


def test_both_see_the_same_folders_and_the_relay_has_no_network() -> None:
    tor, relay = mounts("tor"), mounts("whisperd")
    assert Path(option("HiddenServiceDir")).parent == Path(tor["onion"]) == Path(relay["onion"])
    assert tor["relay"] == relay["relay"] == "/run/relay"
    assert option("DataDirectory").startswith(tor["tor"] + "/")
    assert COMPOSE.count("network_mode: none") == 1 and "network_mode" not in COMPOSE.partition("whisperd:\n")[0]


def test_each_folder_is_in_the_image_that_is_first_to_mount_it() -> None:
    parts = FILE.split("\nFROM ")
    for stage, folders in (("tor", mounts("tor").values()), ("whisperd", mounts("whisperd").values())):
        part = next(part for part in parts if f" AS {stage}\n" in part)
        made = set(re.findall(r"-m \d+ (.*?)(?: \\)?$", part, re.M))
        paths = {path for each in made for path in each.split()}
        assert set(folders) - {"/var/lib/onion"} <= paths


def test_the_users_of_the_images_share_a_group_and_nothing_else() -> None:
    users = dict(re.findall(r"useradd --uid (\d+) --gid relay .* (\S+) \\$", FILE, re.M))
    assert len(users) == 2 and set(re.findall(r"^USER (\S+):relay$", FILE, re.M)) == set(users.values())
    assert "-o 10002 -g relay -m 2750 /run/relay" in FILE and users["10002"] == "whisperd"


def test_the_guide_types_into_the_relay_s_container() -> None:
    guide = (ROOT / "contrib/operator-guide.md").read_text()
    services = re.findall(r"^  (\w+):$", COMPOSE.partition("\nvolumes:")[0], re.M)
    named = re.findall(r"podman-compose exec (\w+) whisperctl", guide + COMPOSE)
    assert services == ["tor", "whisperd"] and len(named) > 2 and set(named) == {"whisperd"}
    assert re.findall(r"in the volume `(\w+)`", guide) == ["onion"] and "\n  onion: {}" in COMPOSE
