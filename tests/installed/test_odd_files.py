"""What is no configuration, though it can be opened, holds up no program."""

from __future__ import annotations

import os

import pytest

from tests.installed.kit import Account, Company
from tests.installed.kit.account import give
from whisperd.errors import ConfigError


@pytest.mark.parametrize("words", [("whisperctl", "doctor", "--config"), ("whisperctl", "config", "check"),
                                   ("whisperd", "--config")], ids=" ".join)
def test_what_has_no_end_is_refused(company: Company, words: tuple[str, ...]) -> None:
    user = Account(company.programs, company.folder / "user")
    os.mkfifo(user.folder / "pipe")
    give(user.folder / "pipe")
    large = user.write("large.toml", "")
    os.truncate(large, 1 << 40)
    for path in ("/dev/full", "/dev/zero", "/dev/urandom", str(user.folder / "pipe"), str(large)):
        done = user.text_of([*words, path])
        assert done.returncode == ConfigError.exit_status and path in done.stderr, done
    done = user.text_of(["/bin/bash", "-c", f"{words[0]} config check <(cat /dev/zero)" if words[0] == "whisperctl"
                         else "whisperd --config <(yes '#') config check"])
    assert done.returncode == ConfigError.exit_status and "larger than" in done.stderr, done


def test_what_a_shell_pipes_is_a_configuration(company: Company) -> None:
    user = Account(company.programs, company.folder / "user")
    done = user.text_of(["/bin/bash", "-c", "whisperd --config <(printf '[relay]\\nmax_rooms = 7\\n') config show"])
    assert done.returncode == 0 and "relay.max_rooms = 7" in done.stdout.splitlines(), done
