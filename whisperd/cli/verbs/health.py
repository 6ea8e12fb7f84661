"""``whisperctl status --check``: the daemon's status as one line and an exit status that monitoring understands.

The conventions are those of the Monitoring Plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and figures behind a '|'.
[Monitoring Plugins Development Guidelines, Plugin Output for Nagios; whisperctl(1), MONITORING]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from whisperd.cli.render import clean, seconds

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
OK, WARNING, CRITICAL, UNKNOWN = range(4)
#: Percent of what the relay takes, from which on it is nearly full.
NEARLY = 90
#: Seconds beyond two intervals that a proof of reachability may be old: both tries of a probe, and a new publication.
GRACE = 600


@dataclass(frozen=True)
class Condition:
    """One thing that is found wrong: how bad it is, and what it means."""

    level: int
    help: str


CONDITIONS: dict[str, Condition] = {
    "no-daemon": Condition(CRITICAL, "No daemon answers on the control socket, or it does not answer in time."),
    "not-served": Condition(UNKNOWN, "The daemon does not serve this user, or gave an answer that makes no sense."),
    "tor-lost": Condition(CRITICAL, "The connection to tor is lost."),
    "error": Condition(CRITICAL, "Tor or the onion service has an error, which is shown. A failed probe is such an "
                       "error."),
    "onion-lost": Condition(CRITICAL, "Tor is up but the onion service is not being published."),
    "relay-full": Condition(CRITICAL, "The relay has reached its maximum number of connections or rooms."),
    "tor-starting": Condition(WARNING, "Tor is starting or bootstrapping."),
    "onion-pending": Condition(WARNING, "The onion service is being published."),
    "onion-unproved": Condition(WARNING, "The onion service was last reached through Tor longer ago than two probe "
                                         "intervals and ten minutes."),
    "relay-nearly-full": Condition(WARNING, f"The relay has reached {NEARLY} percent of its maximum number of "
                                            "connections or rooms."),
    "draining": Condition(WARNING, "The relay is draining: it opens no new rooms."),
    "store-locked": Condition(WARNING, "The sealed store is locked or new, so only the relay role works."),
    "store-failing": Condition(CRITICAL, "The sealed store cannot be written, so nothing is sent and nothing is "
                               "accepted."),
    "unconfined": Condition(WARNING, "The configuration asks for confinement, but part of it is not in force."),
}


@dataclass(frozen=True)
class Verdict:
    """What was found: (condition, words) pairs, and figures to draw."""

    found: tuple[tuple[str, str], ...]
    figures: tuple[str, ...] = ()

    @property
    def level(self) -> int:
        """The worst level; what could not be asked is UNKNOWN."""
        return max((CONDITIONS[name].level for name, _ in self.found), default=OK)

    def line(self, well: str) -> str:
        """Return the line; ``well`` is said where nothing was found."""
        words = "; ".join(clean(text) for _, text in self.found) or well
        return f"WHISPERD {WORDS[self.level]}: {words}".replace("|", "/") + \
               (f" | {' '.join(self.figures)}" if self.figures else "")


def judge(status: dict[str, Any]) -> Verdict:
    """Return what is wrong with a daemon that has this status, the worst first."""
    found = [*_tor(status["tor"], status["uptime"]), *_relay(status["relay"]), *_confinement(status["confinement"]),
             *_store(status["store"])]
    found.sort(key=lambda each: -CONDITIONS[each[0]].level)
    return Verdict(tuple(found), tuple(_figures(status)))


def summary(status: dict[str, Any]) -> str:
    """Return what is said of a daemon that is well."""
    onion = status["tor"]["onion"]
    words = [f"up {seconds(status['uptime'])}"]
    if onion["wanted"]:
        age = onion["reached_age"]
        known = "published" if onion["published_age"] is not None else "named by torrc"
        words.append(f"onion service {known}" + ("" if age is None else f", reached {seconds(age)} ago"))
    return ", ".join(words)


def _tor(tor: dict[str, Any], uptime: float) -> Iterator[tuple[str, str]]:
    onion, state = tor["onion"], tor["state"]
    if tor["error"]:
        yield "error", tor["error"]["message"]
    if state == "lost":
        yield "tor-lost", "tor is lost"
    elif state in ("starting", "bootstrapping"):
        yield "tor-starting", f"tor is {state}, {tor['percent']} %"
    elif onion["wanted"] and state in ("up", "unknown"):
        yield from _onion(onion, uptime)


def _onion(onion: dict[str, Any], uptime: float) -> Iterator[tuple[str, str]]:
    if onion["state"] in ("adding", "publishing"):
        yield "onion-pending", f"the onion service is {onion['state']}"
    elif onion["state"] != "up":
        yield "onion-lost", f"the onion service is {onion['state']}"
    elif onion["probe_interval"]:
        age = uptime if onion["reached_age"] is None else onion["reached_age"]
        if age > 2 * onion["probe_interval"] + GRACE:
            yield "onion-unproved", f"the onion service has not been reached through Tor for {seconds(age)}"


def _relay(relay: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if relay is None:
        return
    if relay["draining"]:
        yield "draining", "the relay is draining"
    for what in ("connections", "rooms"):
        used, most = relay[what], relay[f"max_{what}"]
        if used >= most:
            yield "relay-full", f"{used} of {most} {what}"
        elif used * 100 >= most * NEARLY:
            yield "relay-nearly-full", f"{used} of {most} {what}"


def _confinement(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    missing = [name for name in ("no_core_dump", "no_tracing", "no_new_privileges") if not found[name]]
    if missing:
        yield "unconfined", f"not in force: {', '.join(missing)}"
    if found["sandbox"] != "off" and found["why"]:
        yield "unconfined", found["why"]


def _store(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if found["state"] != "open":
        yield "store-locked", f"the store is {found['state']}; run 'whisperctl store unlock'"
    if found.get("trouble"):
        yield "store-failing", f"the store cannot be written: {found['trouble']['message']}"


def _figures(status: dict[str, Any]) -> Iterator[str]:
    yield f"uptime={round(status['uptime'])}s"
    relay = status["relay"]
    for what in ("connections", "rooms") if relay else ():
        most = relay[f"max_{what}"]
        yield f"{what}={relay[what]};{most * NEARLY // 100};{most};0;{most}"
    if status["tor"]["onion"]["reached_age"] is not None:
        yield f"reached_age={round(status['tor']['onion']['reached_age'])}s"
