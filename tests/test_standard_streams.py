"""A standard stream that cannot be written for a while costs lines, and nothing else."""

from __future__ import annotations

import fcntl
import io
import os
import select
import threading

import pytest

from whisperd import standard_streams
from whisperd.standard_streams import MAX_WAITING, Outlet

PIPE = 4096


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def lost(lines: int) -> str:
    return f"LOST {lines}\n"


def until(reading: int, end: bytes) -> bytes:
    text = b""
    while not text.endswith(end):
        assert select.select([reading], [], [], 60)[0], "it does not come"
        text += os.read(reading, 1 << 16)
    return text


def test_what_is_written_comes_out_whole_and_in_order(pipe):
    reading, writing = pipe
    out = Outlet(writing, "utf-8", lost)
    for number in range(10):
        print(number, file=out)
    assert out.settle(60)
    assert os.read(reading, PIPE) == b"".join(b"%d\n" % number for number in range(10))


def test_a_reader_who_does_not_read_costs_lines_and_is_told_how_many_where_they_are_missing(pipe):
    reading, writing = pipe
    os.write(writing, bytes(PIPE))
    out = Outlet(writing, "utf-8", lost)
    out.write("first\n")
    for _ in range(2 * MAX_WAITING):
        out.write("more\n")
    assert not out.settle(0)
    until(reading, bytes(1))
    text = until(reading, b"\n")
    while b"LOST" not in text:
        text += until(reading, b"\n")
    kept, _, rest = text.partition(b"LOST ")
    assert kept.startswith(b"first\n")
    assert kept.count(b"\n") + int(rest.split()[0]) == 2 * MAX_WAITING + 1
    out.write("last\n")
    assert until(reading, b"last\n") and out.settle(60)


def test_a_full_disk_costs_lines_and_the_next_that_is_written_follows_their_number(pipe):
    reading, writing = pipe
    full = os.open("/dev/full", os.O_WRONLY)
    out = Outlet(full, "utf-8", lost)
    for _ in range(3):
        out.write("gone\n")
    assert out.settle(60)
    os.dup2(writing, full)
    out.write("there\n")
    assert out.settle(60)
    os.close(full)
    assert os.read(reading, PIPE) == b"LOST 3\nthere\n"


def test_what_others_have_made_not_to_wait_is_waited_for_all_the_same(pipe):
    reading, writing = pipe
    os.set_blocking(writing, False)
    out = Outlet(writing, "utf-8", lost)
    for _ in range(3):
        out.write("x" * (PIPE - 1) + "\n")
    text = b""
    while text.count(b"\n") < 3:
        text += until(reading, b"\n")
    assert text == (b"x" * (PIPE - 1) + b"\n") * 3 and out.settle(60)


@pytest.mark.parametrize("closed", [False, True])
def test_a_descriptor_that_is_no_stream_fails_nobody(closed):
    descriptor = os.open("/", os.O_PATH)
    out = Outlet(descriptor, "utf-8", lost)
    if closed:
        os.close(descriptor)
    assert out.write("nowhere\n") == 8 and out.settle(60) and not out.isatty()
    if not closed:
        os.close(descriptor)


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\xe4 \\udcff\n"), ("latin-1", b"\xe4 \\udcff\n")])
def test_what_an_encoding_lacks_is_escaped(pipe, encoding, shown):
    out = Outlet(pipe[1], encoding, lost)
    print("\xe4 \udcff", file=out)
    assert out.settle(60) and os.read(pipe[0], PIPE) == shown


def test_without_a_thread_what_can_be_written_is_and_the_rest_is_not_waited_for(pipe, monkeypatch):
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    reading, writing = pipe
    monkeypatch.setattr(threading.Thread, "start", refuse)
    out = Outlet(writing, "utf-8", lost)
    out.write("there\n")
    assert os.read(reading, PIPE) == b"there\n"
    os.write(writing, bytes(PIPE))
    out.write("waits\n")
    assert not out.settle(60)
    os.read(reading, PIPE)
    out.write("not quite\n")  # a pipe of one page takes one line at a time
    assert os.read(reading, PIPE) == b"waits\n"


def test_it_stands_for_a_text_stream(pipe):
    out = Outlet(pipe[1], "utf-8")
    assert isinstance(out, io.TextIOBase) and out.writable() and out.fileno() == pipe[1] and out.encoding == "utf-8"
    assert standard_streams.SETTLE_SECONDS < 5, "a process that ends is not held up"
