"""What whisperctl shows: plain lines, in colour only where they may be. Nothing here talks to the daemon.

``clean`` is the one door for text that somebody else wrote.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from whisperd.cli import timers

Row = Mapping[str, Any]

_STYLES = {"good": "32", "warn": "33", "bad": "31", "dim": "2", "strong": "1", "them": "36"}
_STATES = {"up": "good", "connected": "good", "delivered": "good", "ready": "good", "lost": "bad", "failed": "bad",
           "ended": "dim", "queued": "warn", "away": "warn", "done": "good", "halted": "warn", "offered": "strong",
           "refused": "dim", "cancelled": "dim", "disappeared": "dim", "open": "good", "locked": "warn", "new": "warn",
           "failing": "bad"}
#: Joiners that several scripts and emoji cannot be written without.
_JOINERS = "\u200c\u200d"
_BREAKS = {"Zl", "Zp"}
_DANGERS = {"Cc", "Cf", "Cs", "Co", "Cn"}


def clean(text: object) -> str:
    """Return ``text`` as one line that a terminal can only display.

    Control characters, escape sequences' introducers, bidirectional overrides, invisible and unassigned characters
    are removed; line breaks and tabs become spaces.
    """
    return "".join(_harmless(character) for character in str(text))


def _harmless(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    kind = unicodedata.category(character)
    if character in "\n\r\t" or kind in _BREAKS:
        return " "
    return "" if kind in _DANGERS and character not in _JOINERS else character


class Paint:
    """Puts words in colour, or leaves them as they are."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    @classmethod
    def on(cls, stream: TextIO | None) -> Paint:
        """Colour for a terminal, unless NO_COLOR is set or the terminal is dumb; none for a stream that is closed."""
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(stream is not None and stream.isatty() and not plain)

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.wanted and style and text else text

    def state(self, word: object) -> str:
        """Return a state in the colour that it has everywhere."""
        return self(clean(word), _STATES.get(str(word), ""))


PLAIN = Paint(False)


# -- numbers ----------------------------------------------------------------------------------------------------------


def seconds(value: float) -> str:
    """Return a length of time in its two largest units."""
    parts: list[str] = []
    rest = int(value)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def count(number: int, thing: str) -> str:
    """Return "1 room", "2 rooms"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def size(number: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


# -- screens ----------------------------------------------------------------------------------------------------------


def status(row: Row, paint: Paint) -> list[str]:
    """Return the screen of 'whisperctl status'."""
    head = f"whisperd {clean(row['version'])}, process {row['pid']}, up {seconds(row['uptime'])}"
    roles = ", ".join(role for role, on in row["roles"].items() if on)
    fields = [("roles", roles), ("tor", _tor(row["tor"], paint)), *_tor_error(row["tor"], paint),
              ("onion", _onion(row["tor"]["onion"], paint)), *_onion_extra(row["tor"]["onion"])]
    fields += _relay(row["relay"]) if row["relay"] else []
    if row["peer"]:
        fields.append(("peer", f"{count(row['peer']['chats'], 'conversation')}, "
                               f"{row['peer']['connected']} connected"))
        if row["peer"].get("listens"):
            fields.append(("", f"listens for {count(row['peer']['listens'], 'contact')}, a circuit each"))
    fields += _store(row["store"], paint)
    fields += _confinement(row["confinement"], paint)
    fields += [("opt-in", ", ".join(map(clean, row["opt_in"])) or "nothing"), ("socket", clean(row["socket"]))]
    return [paint(head, "strong"), *(f"  {name:<10}{value}" for name, value in fields)]


def _store(row: Row, paint: Paint) -> list[tuple[str, str]]:
    """Return where the peer role keeps what it remembers, and what that costs."""
    if row["kind"] == "memory":
        return [("store", "memory: everything is gone when the daemon stops")]
    if row["state"] != "open":
        return [("store", f"sealed, {paint.state(row['state'])}: only the relay role works"),
                ("", "to open it, run 'whisperctl store unlock'")]
    if row.get("trouble"):
        return [("store", paint(f"sealed, but cannot be written: {clean(row['trouble']['message'])}", "bad")),
                ("", clean(row["trouble"]["remedy"]))]
    said = f"history stored for {count(row['history_days'], 'day')}" if row["history"] else "no history"
    return [("store", f"sealed, {paint.state('open')}: {clean(row['file'])}, {size(row['size'])}, {said}"),
            ("", "the disk shows the size of the file and when it was written")]


def _confinement(found: Row, paint: Paint) -> list[tuple[str, str]]:
    """Return what the process cannot do, and in red what it should not be able to do and can."""
    names = {"no_core_dump": "core dump", "no_tracing": "tracing", "no_new_privileges": "new privileges"}
    held = [name for key, name in names.items() if found[key]]
    missing = [name for key, name in names.items() if not found[key]]
    fields = [("confined", "no " + ", no ".join(held) if held else paint("no", "bad"))]
    if missing:
        fields.append(("", paint(f"missing protection: {', '.join(missing)}", "bad")))
    if found["landlock"]:
        fields.append(("", f"writes only below {', '.join(map(clean, found['writable']))}"))
        fields.append(("", f"runs {', '.join(map(clean, found['programs'])) or 'no program'}"))
    if found["seccomp"]:
        fields.append(("", f"system calls: {len(found['seccomp'])} classes refused"))
    if found["why"]:
        fields.append(("", paint(f"missing: {clean(found['why'])}", "warn")))
    return [*fields, ("", clean(found["remedy"]))] if found.get("remedy") else fields


def _tor(tor: Row, paint: Paint) -> str:
    if tor["state"] == "off":
        return "off"
    words = [paint.state(tor["state"])]
    if tor["state"] in ("starting", "bootstrapping"):
        words.append(f"{tor['percent']} % {clean(tor['summary'])}".rstrip())
    words.append(clean(tor["mode"]) + (f" {clean(tor['version'])}" if tor["version"] else ""))
    return ", ".join(words)


def _tor_error(tor: Row, paint: Paint) -> Iterator[tuple[str, str]]:
    if tor["error"]:
        yield "", paint(clean(tor["error"]["message"]), "bad")
        yield "", clean(tor["error"]["remedy"])


def _onion(onion: Row, paint: Paint) -> str:
    words = [paint.state(onion["state"])]
    if onion["address"]:
        words.append(clean(onion["address"]))
    if onion["published_age"] is not None:
        words.append(f"published {seconds(onion['published_age'])} ago")
    elif onion["private"] is None and onion["address"]:
        words.append("defined by torrc; whisperd cannot see whether it is published")
    return ", ".join(words)


def retiring(old: Row) -> str:
    """Return what becomes of the address before a rotation."""
    return f"{clean(old['address'])} still answers for {seconds(old['seconds'])} ({clean(old['state'])})"


def _onion_extra(onion: Row) -> Iterator[tuple[str, str]]:
    if onion["retiring"]:
        yield "", retiring(onion["retiring"])
    words = ["private"] if onion["private"] else []
    if onion["circuits"] or onion["state"] == "up":
        words.append("circuits distinguished" if onion["circuits"] else "circuits not distinguished")
    if onion["reached_age"] is not None:
        words.append(f"reached through Tor {seconds(onion['reached_age'])} ago")
    elif onion["wanted"]:
        words.append("not tested yet: the daemon tests its own address 30 s after "
                     "publishing" if onion["probe_interval"] else "not tested: onion.probe_interval "
                     "is 0")
    if words:
        yield "", ", ".join(words)


def _relay(relay: Row) -> list[tuple[str, str]]:
    fields = [
        ("relay", f"{count(relay['rooms'], 'room')} ({relay['paired']} paired, {relay['waiting']} waiting), "
                  f"{count(relay['connections'], 'connection')}"),
        ("listening", ", ".join(map(clean, relay["listeners"])) or "nowhere"),
    ]
    if relay.get("draining"):
        fields.append(("", "draining: no new rooms"))
    if relay["refused"]:
        fields.append(("refused", ", ".join(f"{number} {clean(code)}" for code, number in relay["refused"].items())))
    return [*fields, ("limits", ", ".join(map(_hit, relay["limits_hit"])) or "none reached")]


def _hit(row: Row) -> str:
    """Return how often one limit was hit."""
    words = [f"{number} {what}" for what in ("refused", "slowed") if (number := row[what])]
    return f"{clean(row['limit'])} ({clean(row['scope'])}): {', '.join(words)}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], paint: Paint) -> list[str]:
    """Return columns as wide as their longest cell, without colour inside the cells."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in (list(heads), *cells)]
    return [paint(lines[0], "strong"), *lines[1:]]


def _link(row: Row) -> str:
    """Return what carries the frames, or what keeps every link from that; and that an onion was wanted in vain."""
    lacks_onion = row.get("direct") == "unavailable"
    if not row["link"] and row.get("trouble"):
        return f"- ({row['trouble']})"
    return f"{row['link']} (no onion)" if row["link"] and lacks_onion else row["link"] or "-"


def chats(rows: Iterable[Row], paint: Paint) -> list[str]:
    """Return the table of 'whisperctl chat list'."""
    heads = ("CHAT", "CONTACT", "STATE", "LINK", "LEVEL", "VERIFIED", "TIMER", "QUEUED", "SENT", "DELIVERED",
             "RECEIVED", "AGE")
    return table(heads, [(
        row["chat"], row.get("contact") or "-", row["state"], _link(row), row["level"] or "-",
        "yes" if row["verified"] else "no", timers.column(row), str(row["queued"]), str(row["sent"]),
        str(row["delivered"]), str(row["received"]), seconds(row["created_age"]),
    ) for row in rows], paint)


def contacts(rows: Iterable[Row], paint: Paint) -> list[str]:
    """Return the table of 'whisperctl contact list'."""
    heads = ("CONTACT", "STATE", "CHAT", "VERIFIED", "LISTENS", "LEVEL", "RELAYS")
    return table(heads, [(
        row["contact"] or "-", row["state"], row["chat"] or "-", "yes" if row["verified"] else "no",
        "yes" if row["listens"] else "no", row["level"] or "-", ", ".join(row["relays"]),
    ) for row in rows], paint)


def saved(answer: Row, paint: Paint) -> list[str]:
    """Return what became of the wish to keep a contact."""
    name = clean(answer["contact"])
    if answer["state"] == "saved":
        return [f"{name} is {paint('saved', 'good')}. To call, run 'whisperctl chat call {name}'."]
    return [f"{name} is {paint('offered', 'warn')}. It is saved when the other person saves you as a contact, too."]


def contact_event(row: Row, paint: Paint) -> str:
    """Return one line for an event of a contact."""
    chat = f" ({clean(row['chat'])})" if row.get("chat") else ""
    if row["event"] == "contact-error":
        return f"{clean(row['contact'])} {paint('error', 'bad')} {clean(row['code'])}: {clean(row['message'])}. " \
               f"{clean(row['remedy'])}"
    if row["state"] == "asked":
        return (f"{clean(row['chat'])}: the other person wants to exchange contacts. To agree, run 'whisperctl "
                f"contact save {clean(row['chat'])} NAME'")
    words = {"calling": "is being called", "called": "calls", "offered": "is offered as a contact"}
    return f"{clean(row['contact'])} {words.get(row['state'], 'is ' + clean(row['state']))}{chat}"


def files(rows: Iterable[Row], paint: Paint) -> list[str]:
    """Return the table of 'whisperctl chat files'."""
    heads = ("CHAT", "FILE", "WAY", "STATE", "DONE", "SIZE", "RATE", "LEFT", "REASON", "NAME")
    return table(heads, [(
        row["chat"], row["file"], row["direction"], row["state"], percent(row), size(row["size"]),
        f"{size(row['rate'])}/s" if row["rate"] else "-",
        "-" if row["remaining"] is None else seconds(row["remaining"]), row["reason"] or "-", row["filename"],
    ) for row in rows], paint)


def percent(row: Row) -> str:
    """Return how much of a file has moved."""
    return f"{100 * row['moved'] // row['size'] if row['size'] else 100} %"


def progress(row: Row, width: int = 20) -> str:
    """Return a bar for one file, with its rate and the time that remains."""
    filled = width * row["moved"] // row["size"] if row["size"] else width
    words = [f"[{'#' * filled}{'-' * (width - filled)}] {percent(row)} of {size(row['size'])}"]
    if row["rate"]:
        words.append(f"{size(row['rate'])}/s")
    if row["remaining"] is not None:
        words.append(f"{seconds(row['remaining'])} left")
    state = "" if row.get("state", "moving") == "moving" else f" ({clean(row['state'])})"
    return f"{clean(row['file'])} {', '.join(words)}{state}"


def file_line(row: Row, paint: Paint) -> str:
    """Return one line that says where a file stands."""
    who = "from them" if row["direction"] == "in" else "to them"
    reason = f" ({clean(row['reason'])})" if row["reason"] and row["reason"] != row["state"] else ""
    head = f"{clean(row['chat'])} {paint(clean(row['file']), 'strong')} '{clean(row['filename'])}', {size(row['size'])}"
    return f"{head}, {who}, is {paint.state(row['state'])}{reason}"


def plugins(rows: Iterable[Row], paint: Paint) -> list[str]:
    """Return the table of 'whisperctl plugins'."""
    heads = ("KIND", "ID", "VERSION", "API", "LEVEL", "STATE", "DISTRIBUTION", "SHA-256")
    return table(heads, [(
        row["kind"], row["id"], str(row["version"] or "-"), str(row["api"] or "-"), row["level"] or "-", row["state"],
        row["distribution"], str(row["sha256"] or "-")[:16],
    ) for row in rows], paint)


def verification(answer: Row, paint: Paint) -> list[str]:
    """Return what two people compare."""
    groups = clean(answer["number"]).split()
    mark = paint("verified", "good") if answer["verified"] else paint("not verified", "warn")
    return [
        f"{clean(answer['chat'])} is {mark}; level {clean(answer['level'])}", "",
        "    " + paint(clean(" ".join(answer["words"])), "strong"), "",
        *("    " + " ".join(groups[row:row + 6]) for row in range(0, len(groups), 6)),
    ]


# -- what happens -----------------------------------------------------------------------------------------------------


def message(row: Row, paint: Paint) -> str:
    """Return one line of a conversation, from history or as it happens."""
    mine = row["direction"] == "out"
    mark = f" ({paint.state(row['state'])})" if mine and row.get("state") else ""
    number = paint(f"#{row['id']}", "dim")
    return f"{clean(row['chat'])} {paint('>' if mine else '<', '' if mine else 'them')} {number} " \
           f"{clean(row['text'])}{mark}"


def event(row: Row, paint: Paint) -> str:
    """Return one line for one event."""
    name, subject = row["event"], clean(row.get("chat", ""))
    if name == "chat-message":
        return message(row, paint)
    if name == "message-state":
        return f"{subject} {paint('#' + str(row['id']), 'dim')} is {paint.state(row['state'])}"
    if name == "chat-error":
        return f"{subject} {paint('error', 'bad')} {clean(row['code'])}: {clean(row['message'])}. " \
               f"{clean(row['remedy'])}"
    if name == "chat-timer":
        return f"{subject}: {timers.line(row, paint)}"
    if name == "file-state":
        return file_line(row, paint)
    if name in ("contact-state", "contact-error"):
        return contact_event(row, paint)
    if name == "file-progress":
        return f"{subject} {progress(row)}"
    if name == "onion-rotated":
        return (f"the onion address is now {clean(row['address'])}; {clean(row['old'])} answers for "
                f"{seconds(row['seconds'])} more")
    if name == "onion-retired":
        return f"{clean(row['address'])} no longer answers"
    if name == "chat-link":
        return f"{subject} now uses the link {clean(row['link'])}"
    if name == "daemon-stopping":
        return "the daemon is stopping"
    details = clean(row.get("reason") or row.get("address") or row.get("summary") or "")
    return f"{subject or clean(name).removesuffix('-state')} is {paint.state(row.get('state', ''))}" + \
           (f" ({details})" if details else "") + \
           (f", level {clean(row['level'])}" if row.get("level") and row["state"] == "connected" else "")


def qr_text(link: str, paint: Paint = PLAIN, encoding: str = "utf-8") -> str:
    """Return the link as a QR code for a terminal: two rows of modules a line, light ones drawn; twice as wide and
    twice as high where the terminal's encoding has no blocks."""
    import segno

    if not _has_blocks(encoding):
        return "\n".join("".join("  " if dark else "##" for dark in row)
                         for row in segno.make_qr(link, error="l").matrix_iter(border=4))

    rows = [list(row) for row in segno.make_qr(link, error="l").matrix_iter(border=4)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    lines = ("".join(blocks[upper, lower] for upper, lower in zip(*pair, strict=True))
             for pair in zip(rows[::2], rows[1::2], strict=True))
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" if paint.wanted else line for line in lines)


def _has_blocks(encoding: str) -> bool:
    try:
        "█▀▄".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
