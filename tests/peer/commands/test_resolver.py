"""Which conversation a word means, and when nobody can say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import ContactBlocked, ConversationUnknown, UsageError
from whisperd.peer.commands.resolver import Candidate, Known, conversation, is_id, only
from whisperd.peer.contacts.naming import Named, like_id

BEN, ANNA = Named("ben", "1"), Named("Anna", "2")
MALLORY = Named("mallory", "3", blocked=True)


def known(*conversations: tuple[str, str, str], contacts: tuple[Named, ...] = (BEN, ANNA, MALLORY)) -> Known:
    return Known([Candidate(*each) for each in conversations], contacts)


def test_an_id_is_itself_and_a_name_is_its_conversation_in_any_case():
    there = known(("c1", "connected", ""), ("c2", "away", "1"))
    assert [conversation(word, there) for word in ("c1", "c7", "ben", "BEN", "\uff42en")] == ["c1", "c7", *["c2"] * 3]


@pytest.mark.parametrize("word", ["C1", "c01", "c 1", "c", "c\u0661", "\uff431", "ben ", "be", "bne", "", "-", "c1 ",
                                  "c0"])
def test_what_is_nearly_a_name_is_none(word):
    with pytest.raises(ConversationUnknown):
        conversation(word, known(("c1", "connected", "1")))


def test_of_several_conversations_with_one_contact_the_one_that_has_not_ended_is_meant():
    assert conversation("ben", known(("c1", "ended", "1"), ("c2", "away", "1"), ("c3", "ended", "1"))) == "c2"
    assert conversation("ben", known(("c1", "ended", "1"))) == "c1"
    with pytest.raises(UsageError, match=r"2 with ben: c1 \(away\), c2 \(handshake\)"):
        conversation("ben", known(("c1", "away", "1"), ("c2", "handshake", "1")))
    with pytest.raises(UsageError):
        conversation("ben", known(("c1", "ended", "1"), ("c2", "ended", "1")))


def test_a_contact_without_a_conversation_is_to_be_called_and_a_blocked_one_is_blocked():
    there = known(("c1", "connected", ""))
    with pytest.raises(ConversationUnknown, match="there is no conversation with Anna") as caught:
        conversation("anna", there)
    assert "'whisperctl chat call Anna'" in caught.value.remedy
    with pytest.raises(ContactBlocked):
        conversation("Mallory", there)


def test_an_unknown_name_is_answered_with_all_that_can_be_meant():
    there = known(*((f"c{number}", "away", "1" if number == 2 else "") for number in range(1, 10)))
    with pytest.raises(ConversationUnknown) as caught:
        conversation("bem", there)
    assert caught.value.remedy.startswith("Did you mean ben? Conversations: c1, c2 (ben), c3, c4, c5, c6, and 3 more.")
    assert "('whisperctl chat call NAME' calls one): Anna." in caught.value.remedy
    assert "mallory" not in caught.value.remedy
    with pytest.raises(ConversationUnknown) as caught:
        conversation("x" * 5_000, there)
    assert len(caught.value.message) < 100


@pytest.mark.parametrize("name", ["c4", "C4"])
def test_a_contact_named_like_a_conversation_is_never_taken_for_one_nor_one_for_it(name):
    odd = Named(name, "9")
    for conversations in ([("c4", "connected", "")], [("c7", "connected", "9")],
                          [("c4", "away", "1"), ("c7", "away", "9")]):
        for word in ("c4", "C4"):
            with pytest.raises(UsageError) as caught:
                conversation(word, known(*conversations, contacts=(BEN, odd)))
            assert f"'whisperctl contact rename {name} NEW'" in caught.value.remedy
    assert conversation("c4", known(("c4", "away", "9"), contacts=(odd,))) == "c4", "whichever is meant, it is this one"
    with pytest.raises(UsageError, match="name of a contact") as caught:
        conversation("c4", known(("c4", "away", ""), contacts=(Named(name, "9", blocked=True),)))
    assert f"'whisperctl contact unblock {name}', then 'whisperctl contact rename" in caught.value.remedy


def test_two_people_of_one_name_are_not_chosen_between():
    twins = Named("ben", "1"), Named("ben", "2")
    with pytest.raises(UsageError, match="2 contacts are called 'ben'"):
        conversation("ben", known(("c1", "connected", "1"), contacts=twins))
    other = Named("Ben", "2")
    assert conversation("Ben", known(("c1", "away", "1"), ("c2", "away", "2"), contacts=(BEN, other))) == "c2"


def test_the_only_conversation_is_the_one_that_has_not_ended():
    assert only(known(("c1", "ended", ""), ("c2", "waiting", ""))) == only(known(("c2", "ended", ""))) == "c2"
    with pytest.raises(ConversationUnknown, match="there is no conversation"):
        only(known())
    for states in (("away", "away"), ("ended", "ended")):
        with pytest.raises(UsageError, match=r"You have c1 \(ben\), c2"):
            only(known(("c1", states[0], "1"), ("c2", states[1], "")))


@pytest.mark.parametrize("text", ["ben", "Ben:", "@ben", "bne", "bn", "beni", "ben is late", "BEN, the key", "malory",
                                  "mallroy", "c1", "c1 is", "C4", "c9 is a name", "c04", "1", "c"])
def test_a_message_that_may_begin_with_a_name_has_no_conversation(text):
    with pytest.raises(UsageError, match="could be the name"):
        only(known(("c1", "connected", "1")), text=text)


@pytest.mark.parametrize("text", ["hello", "hello ben", "bend it", "be there", "yes", "?", " ", "-5", "bne is late",
                                  "benjamin", "c'est tout", "10"])
def test_any_other_message_goes_to_the_only_conversation(text):
    assert only(known(("c1", "connected", "")), text=text) == "c1"


def test_another_argument_may_be_the_name_of_whoever_it_goes_to_and_of_nobody_else():
    assert only(known(("c1", "connected", "1")), word="ben") == "c1"
    for word, there in (("ben", known(("c1", "connected", ""))), ("anna", known(("c1", "connected", "1"))),
                        ("mallory", known(("c1", "connected", ""))), ("c1", known(("c1", "connected", ""))),
                        ("ben", known(("c1", "connected", "1"), ("c2", "connected", "")))):
        with pytest.raises(UsageError):
            only(there, word=word)


@given(st.text(max_size=40))
def test_no_word_leads_to_a_conversation_whose_name_it_is_not(word):
    there = known(("c1", "connected", ""), ("c2", "away", "1"))
    try:
        found = conversation(word, there)
    except (ConversationUnknown, ContactBlocked, UsageError):
        return
    assert found == word if is_id(word) else found == "c2"
    assert like_id(found)
