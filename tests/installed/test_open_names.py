"""'whisperctl chat open' goes by the name of a contact as long as the conversation has it, and no longer."""

from __future__ import annotations

import pytest

from tests.installed.kit import Installation, heard, until
from tests.installed.three_people import three_people


@pytest.mark.parametrize("verb", ["remove", "block"])
def test_a_name_that_another_contact_has_now_is_not_shown_any_more(programs: Installation, verb: str) -> None:
    with three_people(programs) as three:
        anna, chat = three.anna, three.with_carl
        anna.call("contact.save", chat=chat, name="carl")
        until(lambda: any(row["state"] == "asked" for row in three.carl.call("contact.list")))
        three.carl.call("contact.save", chat=three.carls, name="anna")
        until(lambda: anna.chats()[chat]["contact"] == "carl")
        with anna.terminal("chat", "open", "carl") as terminal:
            terminal.wait_for("carl>")
            if verb == "block":  # which ends the conversation
                assert anna.whisperctl("contact", "block", "carl").returncode == 0
                assert f"this is {chat} and no longer carl" in terminal.wait_for("is ended")
                assert terminal.wait_for_end() == 0
                return
            assert anna.whisperctl("contact", "remove", "carl").returncode == 0
            assert anna.whisperctl("contact", "rename", "ben", "carl").returncode == 0
            terminal.wait_for(f"this is {chat} and no longer carl")
            terminal.wait_for(f"\n{chat}> ".rstrip())
            terminal.press("/end carl\r")
            terminal.wait_for("ends only the conversation that is shown")
            terminal.press("\x15good morning\r")
            until(lambda: heard(three.carl, three.carls) == ["good morning"])
            assert "carl>" not in terminal.screen.text and anna.state(chat) == "connected"
            terminal.press("/quit\r")
            assert terminal.wait_for_end() == 0
