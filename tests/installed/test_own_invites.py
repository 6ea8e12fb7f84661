"""Somebody tries their own invite on their own daemon: it says so, and the invite still works for the other person,
however they have pasted it."""

from __future__ import annotations

import json

import pytest

from tests.installed.kit import Company


@pytest.mark.parametrize("code", [False, True], ids=["link", "spoken-code"])
def test_an_invite_of_ones_own_is_refused_and_stays_good(company: Company, code: bool) -> None:
    _, url = company.relay()
    anna, ben = company.person("anna", url), company.person("ben", url)
    anna.start()
    ben.start()
    invite = anna.ask("chat", "invite", *(["--code"] if code else []))
    words = ["--code", invite["code"]] if code else [invite["link"]]
    tried = anna.whisperctl("chat", "join", "--json", *words)
    error = json.loads(tried.stdout)["error"]
    assert (tried.returncode, error["code"]) == (2, "usage")
    assert invite["chat"] in error["message"] and "they join" in error["remedy"]
    assert list(anna.chats()) == [invite["chat"]]
    pasted = words if code else [f"<{invite['link'][:40]}\n{invite['link'][40:]}?fbclid=IwAR>."]
    joined = ben.ask("chat", "join", *pasted)
    ben.until_state(joined["chat"], "connected")
    anna.until_state(invite["chat"], "connected")
