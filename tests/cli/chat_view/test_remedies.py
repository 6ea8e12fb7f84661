"""Inside 'chat open' a remedy names what can be typed there."""

from __future__ import annotations

import pytest

from whisperd.cli.chat_view.remedies import for_view
from whisperd.errors import FileUnknown, NotVerified, WrongPassphrase


@pytest.mark.parametrize(("shell", "view"), [
    (NotVerified.remedy, "Type '/verify' and compare the words with the other person. If they are the same, type "
                         "'/verify yes'."),
    (FileUnknown.remedy, "To see them, type '/files' and 'whisperctl chat history'."),
    ("To answer, run 'whisperctl chat timer CHAT accept' or 'whisperctl chat timer CHAT refuse'",
     "To answer, type '/timer accept' or '/timer refuse'"),
    ("To agree, run 'whisperctl contact save c12 NAME'", "To agree, type '/save NAME'"),
    ("'whisperctl chat list' shows when it is connected.", "'/chats' shows when it is connected."),
    (WrongPassphrase.remedy, WrongPassphrase.remedy),
])
def test_a_remedy_names_what_the_view_takes(shell, view):
    assert for_view(shell) == view
