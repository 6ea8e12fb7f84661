"""A relay and two people as three processes."""

from __future__ import annotations

from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.testnet.ports import free_ports


class Conversation:
    """Alice invited Bob, and both are connected; the peers may write nothing to any file."""

    def __init__(self, folder) -> None:
        port = free_ports(1)[0]
        off = '[tor]\nmode = "off"\n'
        person = f'{off}[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "http://127.0.0.1:{port}"\n'
        self.relay = DaemonProcess(
            "relay", folder, f'{off}[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[peer]\nenabled = false\n')
        self.alice = DaemonProcess("alice", folder, person)
        self.bob = DaemonProcess("bob", folder, person)
        self.chats: dict[str, str] = {}
        self.everybody = (self.relay, self.alice, self.bob)
        self.leaving = (self.alice, self.bob, self.relay)

    def begin(self) -> None:
        for daemon in self.everybody:
            daemon.start()
        invite = self.alice.call("chat.invite")
        self.chats = {"alice": invite["chat"], "bob": self.bob.call("chat.join", link=invite["link"])["chat"]}
        for person in (self.alice, self.bob):
            self.wait_state(person, "connected")

    def wait_state(self, person: DaemonProcess, state: str) -> dict:
        return person.wait(lambda event: event["event"] == "chat-state" and event["state"] == state, 30, state)

    def say(self, person: DaemonProcess, text: str) -> int:
        return person.call("chat.send", chat=self.chats[person.name], text=text)["id"]

    def wait_delivered(self, person: DaemonProcess, message: int) -> None:
        person.wait(lambda event: event["event"] == "message-state" and event["id"] == message
                    and event["state"] == "delivered", 60, "delivery")

    def heard(self, person: DaemonProcess) -> list[str]:
        rows = person.call("chat.history", chat=self.chats[person.name])
        return [row["text"] for row in rows if row["direction"] == "in"]
