"""Two daemons with sealed stores that talk over a real Tor network while everything around them, and they, are killed.

A relay with a kept address, published by a tor of its own; anna's daemon launches its tor, ben's attaches to one of his
own. Both write numbered texts all the time. A schedule that follows from a seed says what strikes when; each strike is
printed, so that a failure shows it. In the end every text has to be there once, and in order.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.integration.killed import Person, Process
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable, QueueFull, TimedOut
from whisperd.tor.testnet import Testnet

#: Seconds between two strikes: on average, and the least.
PAUSE, MIN_PAUSE = 3.5, 0.5
#: Longest that something is gone, and asleep, in seconds.
MAX_GONE, MAX_ASLEEP = 3.0, 6.0
#: Most texts that may wait, which are fewer than are written while two faults follow each other closely.
MAX_WAITING = 40
#: Seconds until everything has arrived when nothing strikes any more: several dials of a minute each on what tor still
#: remembers of an onion service that is gone, and the pauses between them.
SETTLING = 360.0
#: Bytes by which a daemon may grow between its first minute and its end.
MAX_GROWN = 96 << 20
#: Longest text, in bytes; most are short.
MAX = 4_000


class Tor:
    """A tor that can be killed, stopped and started again, with its data kept."""

    def __init__(self, folder: Path, network_file: Path) -> None:
        folder.mkdir(mode=0o700)
        self.control, self.socks = folder / "control", folder / "socks"
        self._cookie = folder / "data" / "control_auth_cookie"
        self._torrc = folder / "torrc"
        self._torrc.write_text("\n".join([
            f"DataDirectory {folder / 'data'}", f"Log notice file {folder / 'log'}", f"ControlPort unix:{self.control}",
            "CookieAuthentication 1", f"SocksPort unix:{self.socks} ExtendedErrors", network_file.read_text()]))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> str:
        """The lines by which a daemon attaches to it."""
        return f'mode = "attach"\ncontrol = "unix:{self.control}"\nsocks = "unix:{self.socks}"'

    def start(self) -> None:
        tor = shutil.which("tor")
        assert tor, "these tests need tor"
        self.process = subprocess.Popen([tor, "-f", self._torrc, "--defaults-torrc", "/dev/null"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def cut(self) -> int:
        """Close its circuits, as ``cut`` does."""
        return cut(self.control, self._cookie)


def cut(control: Path, cookie: Path) -> int:
    """Close every circuit of a tor that meets an onion service or its client, and with it every link over it; return
    how many those were, none when this tor does not answer just now."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(control))
        with connection.makefile("rw", newline="\r\n") as stream:
            _ask(stream, f"AUTHENTICATE {cookie.read_bytes().hex()}")
            found = [line.split()[0].rpartition("=")[2] for line in _ask(stream, "GETINFO circuit-status")
                     if re.search(r"PURPOSE=HS_\w+_REND", line)]
            for circuit in found:
                _ask(stream, f"CLOSECIRCUIT {circuit}")
            return len(found)
    return 0


def _ask(stream: Any, command: str) -> list[str]:
    """Return the lines of tor's answer to a command. [Tor control protocol, 2.3]"""
    stream.write(command + "\n")
    stream.flush()
    lines, data = [], False
    for line in stream:
        lines.append(line)
        if data:
            data = line != ".\r\n"
        elif line[3:4] == "+":
            data = True
        elif line[3:4] == " ":
            break
    return lines


class Talker(Person):
    """A person who talks all the time; ``lock`` is held by whoever asks the daemon, or starts it."""

    def __init__(self, folder: Path, name: str, url: str, tor: str, chosen: random.Random) -> None:
        super().__init__(folder, name, url, tor=tor, peer=f"max_queue = {MAX_WAITING}\n")
        self.lock = threading.Lock()
        #: How often a text was refused because too many waited; how often it was connected again, and went over each
        #: kind of link; for what reasons the conversation ended.
        self.full = 0
        self.connected: Counter[str] = Counter()
        self.ended: list[str] = []
        self.kept: dict[str, list[str]] = {"in": [], "out": []}
        self._chosen = chosen
        self._last = 0
        self._unsure = False

    def start(self, *before: str) -> None:
        super().start(*before)
        with suppress(DaemonUnreachable):
            threading.Thread(target=self._follow, args=(Client(self.socket).events(),), daemon=True).start()

    def restart(self, links: list[str]) -> None:
        """Start again with other links, and find out what was accepted before."""
        with self.lock:
            text = self._path.read_text()
            self._path.write_text(re.sub(r"(?m)^links = .*\n", "", text).replace(
                "[peer]\n", f"[peer]\nlinks = {links}\n".replace("'", '"')))
            self.start()
            self.look()

    def talk(self, over: threading.Event) -> None:
        """Say one text after the other until it is over."""
        while not over.wait(self._chosen.uniform(0.02, 0.4)):
            with self.lock:
                self._say_next()

    def look(self) -> None:
        """Read what the daemon keeps of what was said since the last look; hold the lock."""
        while part := self.call("chat.history", chat="c1", after=self._last):
            for row in part:
                self.kept[row["direction"]].append(row["text"])
            self._last = part[-1]["id"]
        assert self.kept["out"][: len(self.said)] == self.said, "an accepted text is gone"
        if self._unsure:
            self.said, self._unsure = list(self.kept["out"]), False

    def _say_next(self) -> None:
        text = f"{self.name} {len(self.said)} "
        if self._chosen.random() < 0.05:
            text += "x" * self._chosen.randrange(MAX)
        try:
            if self._unsure:
                self.look()
                return
            self.call("chat.send", chat="c1", text=text)
        except QueueFull:
            self.full += 1
        except (DaemonUnreachable, TimedOut):
            self._unsure = True
        else:
            self.said.append(text)

    def _follow(self, events: Iterator[dict[str, Any]]) -> None:
        with suppress(DaemonUnreachable):
            for event in events:
                if event["event"] == "chat-link":
                    self.connected[str(event["link"])] += 1
                elif event["event"] == "chat-state" and event["state"] == "connected":
                    self.connected["again"] += 1
                elif event["event"] == "chat-state" and event["state"] == "ended":
                    self.ended.append(str(event["reason"]))


class Endurance:
    """The whole of it. ``seed`` decides what strikes, when, and what is said."""

    def __init__(self, folder: Path, testnet: Testnet, seed: int) -> None:
        self.seed = seed
        self.struck: Counter[str] = Counter()
        #: How many circuits were cut, and how large each daemon was after each strike, in bytes.
        self.circuits = 0
        self.resident: dict[str, list[int]] = {}
        self._chosen = random.Random(seed)
        self._over = threading.Event()
        self._began = time.monotonic()
        self._wrong: list[BaseException] = []
        network = testnet.network_file
        self.relay_tor, self.ben_tor = Tor(folder / "rt", network), Tor(folder / "bt", network)
        self.relay = Process(folder / "relay", (
            f'[onion]\nkey = "persistent"\nkey_file = "{folder}/onion.key"\n'
            '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[peer]\nenabled = false\n'), self.relay_tor.settings)
        self._contacts = {"anna": f'mode = "launch"\nnetwork = "{network}"\ndata_dir = "{folder}/at"',
                        "ben": self.ben_tor.settings}
        self._folder = folder
        self._deck: list[tuple[str, Callable[[], None]]] = []
        self.contacts: list[Talker] = []

    # -- from beginning to end ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start everything, and connect the two."""
        for tor in (self.relay_tor, self.ben_tor):
            tor.start()
        self.relay.start()
        address = self.relay.wait(lambda: self.relay.call("address", wait=20)["address"])
        for name, tor in self._contacts.items():
            person = Talker(self._folder, name, f"http://{address}", tor, random.Random(self._chosen.random()))
            self.contacts.append(person)
            person.start()
        anna, ben = self.contacts
        anna.wait(lambda: anna.call("status")["tor"]["state"] == "up")
        ben.call("chat.join", link=anna.call("chat.invite")["link"])
        for person in self.contacts:
            person.wait(lambda person=person: person.state() == "connected")

    def run(self, seconds: float) -> None:
        """Let both talk, and let one thing after the other strike, for so long."""
        self._began = time.monotonic()
        writers = [threading.Thread(target=self._guard, args=(person,)) for person in self.contacts]
        for writer in writers:
            writer.start()
        try:
            while (now := time.monotonic() - self._began) < seconds and not self._wrong:
                name, strike = self._next_fault()
                print(f"seed {self.seed}, {now:7.1f} s  {name}", flush=True)
                strike()
                self.struck[name] += 1
                self._look_after()
                time.sleep(MIN_PAUSE + self._chosen.expovariate(1 / (PAUSE - MIN_PAUSE)))
        finally:
            self._over.set()
            for writer in writers:
                writer.join()
        assert not self._wrong, self._wrong

    def settle(self) -> float:
        """Wait until nothing waits any more, compare, and return how many seconds that took."""
        began = time.monotonic()
        while any(person.call("chat.list")[0][state] for person in self.contacts for state in ("queued", "sent")):
            assert time.monotonic() < began + SETTLING, [person.call("chat.list") for person in self.contacts]
            time.sleep(0.25)
        took = time.monotonic() - began
        self._look_after()
        anna, ben = self.contacts
        for speaker, listener in ((anna, ben), (ben, anna)):
            history = listener.history()
            assert [text for direction, text, _ in history if direction == "in"] == speaker.said
            assert [text for direction, text, _ in history if direction == "out"] == listener.said
            assert {state for direction, _, state in history if direction == "out"} <= {"delivered"}
        for name, sizes in self.resident.items():
            assert sizes[-1] < sizes[0] + MAX_GROWN, f"{name} has grown"
        for process in (self.relay, *self.contacts):
            assert b" unexpected " not in process.log, process.log.decode()
        return took

    def end(self) -> None:
        self._over.set()
        for process in (*self.contacts, self.relay):
            if process.process is not None:
                process.process.send_signal(signal.SIGCONT)
            process.stop()
        for tor in (self.relay_tor, self.ben_tor):
            tor.kill()

    def figures(self) -> str:
        """What happened, in a few lines."""
        lines = [f"seed {self.seed}: {self.struck.total()} faults in {time.monotonic() - self._began:.0f} s",
                 "  " + ", ".join(f"{name} {times}" for name, times in sorted(self.struck.items()))
                 + f"; {self.circuits} circuits cut"]
        for person in self.contacts:
            counts = person.connected
            lines.append(f"  {person.name}: {len(person.said)} texts, {person.full} times the queue was full, "
                         f"connected {counts['again']} times, moved to a direct link {counts['onion']} times")
        for name, sizes in self.resident.items():
            first, most, last = sizes[0] >> 20, max(sizes) >> 20, sizes[-1] >> 20
            lines.append(f"  {name}: {first} MiB at first, {most} at most, {last} at last")
        return "\n".join(lines)

    def logs(self) -> str:
        """The last that each daemon logged."""
        return "\n".join(line for process in (self.relay, *self.contacts)
                         for line in [process.socket, *process.log.decode().splitlines()[-40:]])

    # -- inside ---------------------------------------------------------------------------------------------------

    def _guard(self, person: Talker) -> None:
        try:
            person.talk(self._over)
        except BaseException as error:
            self._wrong.append(error)

    def _look_after(self) -> None:
        """See that nothing ended by itself, that what was heard was said, and how large everybody is."""
        for person, other in (self.contacts, self.contacts[::-1]):
            assert not person.ended, (person.name, person.ended)
            with person.lock, other.lock:
                person.look()
                other.look()
                heard = person.kept["in"]
                assert heard == other.kept["out"][: len(heard)], "lost, doubled or out of order"
        for name, process in {"relay": self.relay, **{person.name: person for person in self.contacts}}.items():
            assert process.process is not None
            self.resident.setdefault(name, []).append(_resident(process.process.pid))

    def _next_fault(self) -> tuple[str, Callable[[], None]]:
        """Return the next one of a shuffled deck, which is shuffled again when all have struck."""
        if not self._deck:
            self._deck = self._faults()
            self._chosen.shuffle(self._deck)
        return self._deck.pop()

    def _faults(self) -> list[tuple[str, Callable[[], None]]]:
        anna, ben = self.contacts
        return [
            ("relay killed", self._relay_killed),
            ("relay asleep", lambda: self._asleep(self.relay.process)),
            ("relay's tor killed", lambda: self._tor_killed(self.relay_tor)),
            ("relay's tor asleep", lambda: self._asleep(self.relay_tor.process)),
            ("relay's circuits cut", lambda: self._cut(self.relay_tor.cut())),
            ("ben's tor killed", lambda: self._tor_killed(self.ben_tor)),
            ("ben's tor asleep", lambda: self._asleep(self.ben_tor.process)),
            ("ben's circuits cut", lambda: self._cut(self.ben_tor.cut())),
            ("anna's tor killed", self._launched_killed),
            ("anna's circuits cut", self._launched_cut),
            ("anna killed", lambda: self._killed(anna)),
            ("ben killed", lambda: self._killed(ben)),
            ("both killed", lambda: self._killed(anna, ben)),
            ("anna asleep", lambda: self._asleep(anna.process)),
            ("ben asleep", lambda: self._asleep(ben.process)),
        ]

    def _linger(self, most: float = MAX_GONE) -> None:
        time.sleep(self._chosen.uniform(0.0, most))

    def _relay_killed(self) -> None:
        self.relay.kill()
        self._linger()
        self.relay.start()

    def _tor_killed(self, tor: Tor) -> None:
        tor.kill()
        self._linger()
        tor.start()

    def _launched_killed(self) -> None:
        """The tor that anna's daemon launched ends; it launches another one."""
        daemon = self.contacts[0].process
        assert daemon is not None
        for child in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "tor\n":
                    subprocess.run(["kill", "-KILL", child], check=False)

    def _launched_cut(self) -> None:
        for folder in (self._folder / "anna").glob("tor-*"):
            self._cut(cut(folder / "control", folder / "cookie"))

    def _cut(self, circuits: int) -> None:
        self.circuits += circuits

    def _killed(self, *people: Talker) -> None:
        for person in people:
            person.kill()
        self._linger()
        for person in people:
            person.restart(self._chosen.choice([["onion", "relay"], ["onion", "relay"], ["relay"]]))

    def _asleep(self, process: subprocess.Popen[bytes] | None) -> None:
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        self._linger(MAX_ASLEEP)
        process.send_signal(signal.SIGCONT)


def _resident(pid: int) -> int:
    """Return how many bytes of memory a process has."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@contextmanager
def endurance(folder: Path, testnet: Testnet, seed: int) -> Iterator[Endurance]:
    """Two who are connected; what happened is printed in the end."""
    made = Endurance(folder, testnet, seed)
    try:
        made.begin()
        yield made
    except BaseException:
        print(made.logs())
        raise
    finally:
        print(made.figures())
        made.end()
