"""A daemon with a sealed store is killed while its conversation runs over a real Tor network and a direct link."""

from __future__ import annotations

import pytest

from tests.integration.killed import Person, Process, everything_arrived, meet


@pytest.fixture
def people(testnet, tmp_path):
    tors = [f'mode = "attach"\ncontrol = "{client.control}"\nsocks = "{client.socks}"' for client in testnet.clients]
    relay = Process(tmp_path / "relay", '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[peer]\nenabled = false\n',
                    tors[0])
    relay.start()
    address = relay.wait(lambda: relay.call("address", wait=20)["address"])
    people = [Person(tmp_path, name, f"http://{address}", tor=tor)
              for name, tor in zip(("anna", "ben"), tors[1:3], strict=True)]
    yield people
    for process in (*people, relay):
        process.stop()


def direct(person: Person) -> bool:
    (row,) = person.call("chat.list")
    return (row["state"], row["link"]) == ("connected", "onion")


def test_a_killed_daemon_comes_back_to_its_conversation_and_to_a_direct_link(people):
    meet(*people)
    anna, ben = people
    for person in people:
        person.wait(lambda person=person: direct(person))
    for number in range(2):
        for _ in range(5):
            assert anna.say() and ben.say()
        victim, other = (anna, ben) if number == 0 else (ben, anna)
        victim.kill()
        assert other.say() and not victim.say()
        victim.come_back()
        assert victim.say() and other.say()
    everything_arrived(anna, ben)
    for person in people:
        person.wait(lambda person=person: direct(person))
