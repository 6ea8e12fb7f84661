"""What the control socket may ask of the files of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.errors import FileUnknown
from whisperd.peer.downloads import Source
from whisperd.peer.driver import Driver

Row = dict[str, Any]


async def send_file(driver: Driver, name: str, source: Source) -> Row:
    """Offer ``source`` under ``name``; from then on it is closed when it is not needed any more.

    Raises ChatEnded, ChatNotConnected, FileFailed, FileTooLarge or TooManyFiles.
    """
    driver.conversation.open_files().check_offer(source.size)
    digest = await driver.desk.examine(source)
    transfer, effects = driver.conversation.open_files().offer(name, source.size, digest)
    driver.desk.take(transfer.number, source)
    driver.enact(effects)
    return transfer.row(driver.conversation.name)


async def accept(driver: Driver, label: str) -> Row:
    """Let the other side send a file that it offered, or the rest of one that halted here.

    Raises ChatEnded, ChatNotConnected, FileUnknown, TooLate, NoDownloads or FileFailed.
    """
    number = driver.conversation.open_files().acceptable(label).number
    partial = await driver.desk.begin(number)
    try:
        files = driver.conversation.open_files()
        transfer = files.acceptable(label)
        effects = files.accept(label)
    except BaseException:
        if partial is not None:
            partial.close(wanted=False)
        raise
    if partial is not None:
        driver.desk.take(number, partial)
    driver.enact(effects)
    return transfer.row(driver.conversation.name)


def refuse(driver: Driver, label: str) -> Row:
    """Refuse a file that was offered. Raises ChatEnded, ChatNotConnected, FileUnknown or TooLate."""
    files = driver.conversation.open_files()
    transfer = files.acceptable(label)
    driver.enact(files.refuse(label))
    return transfer.row(driver.conversation.name)


def cancel(driver: Driver, what: str) -> Row:
    """Give up the file that is named, or take back a message that is queued, by its number.

    Raises ChatEnded, ChatNotConnected, FileUnknown or TooLate.
    """
    number = what.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 16:
        driver.carry_out(driver.conversation.cancel(int(number)))
    elif what.startswith("f"):
        driver.enact(driver.conversation.open_files().cancel(what))
    else:
        raise FileUnknown
    return {"chat": driver.conversation.name, "id": what, "state": "cancelled"}
