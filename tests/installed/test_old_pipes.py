"""A program that goes on naming a conversation that has ended: nobody else gets what was meant for it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.installed.kit import Daemon, heard, meet
from tests.installed.kit.account import give
from whisperd.errors import ConversationEnded

PASSPHRASE = "correct horse battery"


def lock(anna: Daemon) -> None:
    anna.call("store.lock")


def wipe(anna: Daemon) -> None:
    anna.call("store.wipe")


@pytest.mark.parametrize("close", [lock, wipe])
def test_a_pipe_into_a_conversation_that_ended_reaches_nobody_else(company, close: Callable[[Daemon], None]) -> None:
    url = company.relay()[1]
    anna = company.person("anna", url, sealed=True)
    ben, carl = (company.person(name, url) for name in ("ben", "carl"))
    for person in (anna, ben, carl):
        person.start()
    chat, bens = meet(anna, ben)
    os.mkfifo(anna.folder / "pipe")
    pipe = os.open(give(anna.folder / "pipe"), os.O_RDWR)
    try:
        with anna.running("chat", "send", chat, "-", stdin=pipe) as sending:
            os.write(pipe, b"for Ben\n")
            ben.wait(lambda: heard(ben, bens) == ["for Ben"])
            anna.call("chat.end", chat=chat)
            ben.until_state(bens, "ended")
            ben.call("chat.end", chat=bens)
            close(anna)
            anna.call("store.unlock", passphrase=PASSPHRASE)
            next_chat, carls = meet(anna, carl)
            os.write(pipe, b"for Ben, too\n")
            assert sending.ended() == ConversationEnded.exit_status, sending.said
        last = anna.call("chat.send", chat=next_chat, text="for Carl")["id"]
        anna.wait(lambda: any((row["id"], row["state"]) == (last, "delivered")
                              for row in anna.call("chat.history", chat=next_chat)))
        assert heard(carl, carls) == ["for Carl"]
    finally:
        os.close(pipe)


def test_a_script_that_names_a_conversation_of_before_a_restart_reaches_nobody_else(company) -> None:
    url = company.relay()[1]
    anna, carl = company.person("anna", url, sealed=True), company.person("carl", url)
    anna.start()
    carl.start()
    old = anna.ask("chat", "invite")["chat"]
    anna.ask("chat", "end", old)
    anna.restart()
    assert meet(anna, carl)[0] != old
    sent = anna.whisperctl("chat", "send", old, "for the one before")
    assert (sent.returncode, sent.stdout) == (ConversationEnded.exit_status, ""), sent.stderr
