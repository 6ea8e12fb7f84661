"""Everything that a relay and two people log, of every severity, on a real Tor network: nothing of it says who talked
to whom, where, or what."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.hands import line
from whisperd import logs
from whisperd.control.client import Client
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.errors import WhisperdError
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.wire import invite

TEXTS = ("the eagle lands at noon", "then the fox leaves")
FILE_NAME, FILE_TEXT = "harvest-plan.txt", b"three bushels of rye"
SECONDS = 90
_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?P<level>[a-z]+) (?P<event>[a-z-]+)"
                   r"(?P<fields>(?: [a-z_]+=\S+)*)$")


class Run:
    """A whole life: an address that is kept, an access code, wrong ones, a conversation, a file, the end."""

    def __init__(self, folder: Path, testnet) -> None:
        self.secrets: list[str | bytes] = [*TEXTS, FILE_NAME, FILE_TEXT]
        self.folder = folder
        tors = [f'[tor]\nmode = "attach"\ncontrol = "{client.control}"\nsocks = "{client.socks}"\n'
                for client in testnet.clients]
        loud = '[log]\nlevel = "debug"\n'
        self.relay = DaemonProcess("relay", folder, (
            f'{loud}{tors[0]}[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\naccess = "code"\n'
            "[peer]\nenabled = false\n"
            f'[onion]\nkey = "persistent"\nkey_file = "{folder}/relay/onion.key"\n'), may_write=True)
        downloads = folder / "received"
        downloads.mkdir()
        self.anna = DaemonProcess("anna", folder, f"{loud}{tors[1]}[relay]\nenabled = false\n")
        self.ben = DaemonProcess("ben", folder, f'{loud}{tors[2]}[relay]\nenabled = false\n'
                                                f'[peer]\ndownloads = "{downloads}"\n', may_write=True)
        self.daemons = (self.relay, self.anna, self.ben)
        self.followed: list[str] = []

    def play(self) -> None:
        for daemon in self.daemons:
            daemon.start()
        address = self.relay.call("address", wait=SECONDS)["address"]
        code = self.relay.call("access.issue", uses=10)["code"]
        self.secrets += [address, address.removesuffix(".onion"), code, code.replace("-", "")]
        self._bad_requests()
        chats = self._meet(f"http://{address}", code)
        self._talk(chats)
        self._hand_over(chats)
        words = self.anna.call("chat.verify", chat=chats["anna"])
        self.secrets += [" ".join(words["words"]), *words["number"].split()]
        self.anna.call("chat.end", chat=chats["anna"])
        self._state(self.ben, "ended")
        key = (self.folder / "relay/onion.key").read_bytes()
        self.secrets += [key, *_shapes(key)]
        self.followed = [text for daemon in self.daemons for text in _followed(daemon)]

    def _bad_requests(self) -> None:
        """Say things that are refused, with what must not be repeated in them."""
        with pytest.raises(WhisperdError):
            self.ben.call("chat.join", link="http://not-an-onion/#wrongsecretwrongsecret")
        with pytest.raises(WhisperdError):
            self.ben.call("chat.send", chat="somebody-else", text=TEXTS[0])
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(self.folder / "anna.sock"))
            raw.sendall(b"{not json " + TEXTS[0].encode() + b"\n" + line("chat.send", unheard=TEXTS[1]))
            assert raw.recv(1 << 16)
        self.secrets += ["wrongsecretwrongsecret", "not-an-onion", "somebody-else"]

    def _meet(self, relay: str, code: str) -> dict[str, str]:
        refused = self.anna.call("chat.invite", relay=relay, access="WRNG-WRNG-WRNG")
        self._say_link(refused["link"])
        self.anna.wait(lambda event: event["event"] == "chat-error", SECONDS, "a refusal of the wrong code")
        self.anna.call("chat.end", chat=refused["chat"])
        made = self.anna.call("chat.invite", relay=relay, access=code)
        self._say_link(made["link"])
        joined = self.ben.call("chat.join", link=made["link"], access=code)
        for person in (self.anna, self.ben):
            self._state(person, "connected")
        return {"anna": made["chat"], "ben": joined["chat"]}

    def _say_link(self, link: str) -> None:
        secret = invite.parse(link, 0).secret
        keys = InviteKeys.derive(secret)
        self.secrets += [link, link.partition("#")[2], secret, "WRNG"]
        for value in (secret, keys.room, keys.commitment, keys.psk, keys.seal_inviter, keys.seal_joiner):
            self.secrets += _shapes(bytes(value))

    def _talk(self, chats: dict[str, str]) -> None:
        for person, text in zip((self.anna, self.ben), TEXTS, strict=True):
            sent = person.call("chat.send", chat=chats[person.name], text=text)["id"]
            person.wait(lambda event, sent=sent: event["event"] == "message-state" and event["id"] == sent
                        and event["state"] == "delivered", SECONDS, "delivery")

    def _hand_over(self, chats: dict[str, str]) -> None:
        path = self.folder / FILE_NAME
        path.write_bytes(FILE_TEXT)
        with Client(str(self.folder / "anna.sock")) as client, path.open("rb") as file:
            client.call("chat.send-file", {"chat": chats["anna"], "name": FILE_NAME}, file=file.fileno())
        offered = self.ben.wait(lambda event: event["event"] == "file-state", SECONDS, "an offer")
        self.ben.call("chat.accept", chat=chats["ben"], file=offered["file"])
        self.ben.wait(lambda event: event["event"] == "file-state" and event["state"] == "done", SECONDS, "the file")

    @staticmethod
    def _state(person: DaemonProcess, state: str) -> None:
        person.wait(lambda event: event["event"] == "chat-state" and event["state"] == state, SECONDS, state)


def _shapes(value: bytes) -> list[str]:
    """Return how bytes may be written down: hexadecimal, and base64 in both alphabets without padding."""
    return [value.hex(), base64.b64encode(value).decode().rstrip("="),
            base64.urlsafe_b64encode(value).decode().rstrip("="), base64.b32encode(value).decode().rstrip("=").lower()]


def _followed(daemon: DaemonProcess) -> list[str]:
    """Return what a daemon tells those who follow its log."""
    found: list[str] = []
    with Client(str(daemon.socket)) as client:
        client.call("log.follow", {"lines": logs.RECENT})
        while not found or "daemon-stopping" not in found[-1]:
            if len(found) == 1:
                daemon._process.terminate()  # its last line is the end
            found.append(str(client.next_event(SECONDS)))
    return found


@pytest.fixture(scope="module")
def run(testnet, tmp_path_factory) -> Iterator[Run]:
    played = Run(tmp_path_factory.mktemp("log"), testnet)
    try:
        played.play()
        yield played
    finally:
        for daemon in played.daemons:
            daemon.stop()


def written(run: Run) -> str:
    return "".join((daemon.log + daemon.printed).decode() for daemon in run.daemons)


def test_every_line_is_one_of_the_closed_set(run: Run) -> None:
    lines = [_LINE.match(each) for each in written(run).splitlines()]
    assert len(lines) > 30 and None not in lines, written(run)
    events = {match["event"] for match in lines if match}
    assert events <= set(logs.EVENTS)
    assert events >= {"daemon-started", "onion-state", "tor-state", "link-state", "chat-state", "relay-refused"}
    for match in lines:
        assert match is not None and match["level"] == logs.EVENTS[match["event"]].level
        assert {field.partition("=")[0] for field in match["fields"].split()} <= set(logs.EVENTS[match["event"]].fields)


def everything(run: Run) -> str:
    return written(run) + "\n".join(run.followed)


def leaks(run: Run, text: str) -> list[str | bytes]:
    """Return which of the run's secrets stand in a text, in whatever case."""
    return [secret for secret in run.secrets
            if (secret if isinstance(secret, str) else repr(secret)[2:-1]).lower() in text.lower()]


def strange_words(text: str) -> set[str]:
    """Return what could be a key, a code or an address: long words that are no event's name."""
    return set(re.findall(r"[A-Za-z0-9+/_-]{22,}", text)) - set(logs.EVENTS)


def test_no_secret_of_the_run_is_in_what_was_written_or_followed(run: Run) -> None:
    assert len(run.followed) > 20 and len(run.secrets) > 50
    assert leaks(run, everything(run)) == []


def test_nothing_in_it_looks_like_an_address_or_a_key(run: Run) -> None:
    found = everything(run)
    assert not any(word in found for word in (".onion", "127.0.0.1", run.folder.name))
    assert strange_words(found) == set()


def test_the_search_would_find_each_of_them(run: Run) -> None:
    for secret in run.secrets:
        shown = secret if isinstance(secret, str) else repr(secret)[2:-1]
        assert secret in leaks(run, f"info chat-state state={shown}")
    assert strange_words("info chat-state state=" + _shapes(b"k" * 32)[1])
