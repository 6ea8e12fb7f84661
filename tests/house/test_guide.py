"""contrib/operator-guide.md names no command, option, key or section that is not there."""

from __future__ import annotations

import re
import tomllib

from tests.house import pages
from tests.house.test_pages import headings
from whisperd.config import KEYS
from whisperd.control.commands import COMMANDS

GUIDE = (pages.ROOT / "contrib/operator-guide.md").read_text()
VERBS = {command.verb: {word for param in command.params for word in param.option.split("/") if word}
         for command in COMMANDS}


def commands() -> list[str]:
    """Return every whisperctl command of the guide, in a line of its own or in the text."""
    return re.findall(r"(?:^    |`|^    podman-compose exec whisperd )whisperctl ([^`\n]+)", GUIDE, re.M)


def test_every_command_is_one_with_these_options():
    assert len(commands()) > 15
    for command in commands():
        verb = next((verb for verb in sorted(VERBS, key=len, reverse=True)
                     if command == verb or command.startswith(f"{verb} ")), None)
        assert verb, command
        assert set(re.findall(r"--[a-z-]+", command)) <= VERBS[verb], command


def test_every_key_is_one():
    names = {key.name for key in KEYS}
    sections = {key.section for key in KEYS}
    named = [name for name in re.findall(r"`([a-z]+\.[a-z_*]+)(?:`| = )", GUIDE) if name.split(".")[0] in sections]
    assert len(named) > 10
    for name in named:
        assert name in names or (name.endswith("*") and any(key.startswith(name[:-1]) for key in names)), name


def test_what_it_shows_of_a_configuration_is_one():
    block = re.search(r"^(    \[control\]\n(?:    .*\n)+)", GUIDE, re.M)
    assert block is not None
    shown = tomllib.loads(re.sub(r"^    ", "", block[1], flags=re.M))
    assert {f"{section}.{name}" for section, keys in shown.items() for name in keys} <= {key.name for key in KEYS}


def test_every_section_that_it_cites_is_there():
    cited = re.findall(r"`?(whisper[a-z.-]+)\(([1-8])\)`?, ([A-Z][A-Z ]+[A-Z])", GUIDE)
    cited += [(name, number, title) for title, name, number in
              re.findall(r"\*\*([A-Z ]+)\*\* in `(whisper[a-z.-]+)\(([1-8])\)`", GUIDE)]
    assert len(cited) >= 3
    for name, number, title in cited:
        assert title in headings(f"{name}.{number}"), title


def test_every_file_of_the_source_that_it_names_is_there():
    for path in [*re.findall(r"`((?:contrib|man|tests)/[A-Za-z0-9_./-]+)`", GUIDE), "CHANGELOG.md"]:
        assert (pages.ROOT / path).exists(), path
