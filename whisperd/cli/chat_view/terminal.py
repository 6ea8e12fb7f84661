"""The terminal of 'whisperctl chat open': it shows what happens above the line that is being typed, and the state of
things below it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVarTuple

from whisperd.cli import checked_stdout, guard
from whisperd.cli.chat_view.conversation import ACTIONS
from whisperd.cli.chat_view.conversations import ConversationViews
from whisperd.cli.chat_view.hook import hook_of
from whisperd.cli.chat_view.read_subscription import TheirText
from whisperd.cli.render import Paint
from whisperd.control.client import Client
from whisperd.errors import OutputFailed

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.key_binding import KeyBindings

#: What a method of the conversation is given.
Given = TypeVarTuple("Given")
#: Lines below the one that is typed that completions may take; a small terminal shows no more than a few besides.
MENU_LINES = 6


def converse(connect: Callable[[], Client], chat: str, paint: Paint, hook: str = "") -> None:
    """Talk in this terminal until the person leaves or the conversation ends; raises when the daemon is lost, and
    UsageError for a hook that cannot be executed."""
    with connect() as listener, connect() as client:
        listener.subscribe()
        view = ConversationViews(client, chat, paint)
        asyncio.run(_Terminal(view, listener, paint, hook).run())
    if view.problem is not None:
        raise view.problem


class _Terminal:
    """prompt_toolkit around the conversations: one thread for calls, one that listens."""

    def __init__(self, view: ConversationViews, listener: Client, paint: Paint, hook: str) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import ColorDepth

        self._view = view
        self._listener = listener
        self._hook = hook_of(hook, complain=self._complain)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: list[str] = []
        self._painting: asyncio.Task[None] | None = None
        self._worker = ThreadPoolExecutor(1)
        self._tasks: set[asyncio.Task[None]] = set()
        depth = None if paint.wanted else ColorDepth.DEPTH_1_BIT
        self._prompt: PromptSession[str] = PromptSession(
            lambda: self._view.prompt, completer=_completer(), complete_while_typing=True, erase_when_done=True,
            color_depth=depth, bottom_toolbar=view.status_line, reserve_space_for_menu=MENU_LINES,
            enable_suspend=True, key_bindings=_bindings())
        # A line is printed without leaving raw mode: the terminal itself would act on a Ctrl-U that comes meanwhile.
        self._prompt.input.cooked_mode = nullcontext  # type: ignore[method-assign]

    async def run(self) -> None:
        from prompt_toolkit.patch_stdout import patch_stdout

        # Raw from beginning to end: what is typed between two prompts waits for the next one, Ctrl-D included.
        with patch_stdout(raw=True), self._prompt.input.raw_mode():
            self._loop = asyncio.get_running_loop()
            self._loop.set_exception_handler(self._went_wrong)
            self._loop.add_signal_handler(signal.SIGCONT, self._continued)
            await self._work(self._view.begin)
            self._listen(self._loop)
            while not self._view.finished:
                await self._read()
            await self._painted()
        self._worker.shutdown()

    async def _read(self) -> None:
        try:
            line = await self._prompt.prompt_async(default=self._view.draft, set_exception_handler=False)
        except (EOFError, KeyboardInterrupt):
            line = "/quit"
        if self._view.finished:
            return
        try:
            await self._work(self._view.typed, line or "")
        except Exception as error:
            self._failed(error)

    def _went_wrong(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something failed that nobody waits for, such as what a key does: say so, and go on."""
        self._prompt.app.key_processor.reset()  # a key that failed has ended what takes the next ones
        error = context.get("exception")
        if isinstance(error, Exception):
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        told = guard.explained(error, "whisperctl")
        self._show(self._view.failed(told.message, told.remedy))

    def _continued(self) -> None:
        """Somebody stopped this program and let it go on: the terminal is as it was left then."""
        self._prompt.input.raw_mode().__enter__()
        self._prompt.app.renderer.reset()
        self._prompt.app.invalidate()

    async def _work(self, method: Callable[[*Given], list[str]], *arguments: *Given) -> None:
        """Run a blocking method of the conversation, and show what it returns."""
        lines = await asyncio.get_running_loop().run_in_executor(self._worker, method, *arguments)
        self._show(lines)
        await self._painted()

    def _show(self, lines: list[str]) -> None:
        self._lines += lines
        if self._lines and self._painting is None:
            self._painting = asyncio.get_running_loop().create_task(self._paint())
        elif self._painting is None:
            self._redraw()

    async def _painted(self) -> None:
        """Wait until all lines are on the screen."""
        while self._painting is not None:
            await self._painting

    async def _paint(self) -> None:
        """Put the lines above the one that is typed, and tell the daemon afterwards which texts were among them."""
        from prompt_toolkit.application import run_in_terminal

        try:
            while self._lines:
                lines, self._lines = self._lines, []
                await run_in_terminal(partial(self._write, lines))
                if texts := [line for line in lines if isinstance(line, TheirText)]:
                    # Not waited for: what else the worker does may take long, and is no reason to show nothing.
                    told = asyncio.get_running_loop().run_in_executor(self._worker, self._view.painted, texts)
                    told.add_done_callback(lambda told: self._show(told.result()))
        except (OSError, OutputFailed, checked_stdout.ReaderGone):
            self._view.lost(OutputFailed("the terminal can no longer be written to"))
        finally:
            self._painting = None
        self._redraw()

    def _write(self, lines: list[str]) -> None:
        screen = self._prompt.output
        screen.enable_autowrap()
        screen.write_raw(checked_stdout.encodable("\n".join(lines) + "\n", screen.encoding()))
        screen.flush()

    def _redraw(self) -> None:
        """Draw what stands below anew, and leave when nothing more can happen."""
        app = self._prompt.app
        app.invalidate()
        if self._view.finished and app.future is not None and not app.future.done():
            app.exit(result="")

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        def follow() -> None:
            while not self._view.finished:
                try:
                    event = self._listener.next_event()
                    if self._hook is not None:
                        self._hook.happened(event)
                except Exception as error:
                    self._tell(loop, partial(self._view.lost, guard.explained(error, "whisperctl")))
                    return
                self._tell(loop, partial(self._view.happened, event))
                if event["event"] == "chat-state":
                    self._post(loop, partial(self._refresh, loop))

        threading.Thread(target=follow, daemon=True).start()

    def _complain(self, message: str, remedy: str) -> None:
        if self._loop is not None:
            self._tell(self._loop, partial(self._view.failed, message, remedy))

    def _tell(self, loop: asyncio.AbstractEventLoop, what: Callable[[], list[str]]) -> None:
        self._post(loop, lambda: self._show(what()))

    def _post(self, loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
        """Let the terminal's own thread do something for the one that listens; too late is no error."""
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(what)

    def _refresh(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._view.finished:
            task = loop.create_task(self._work(self._view.refreshed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _bindings() -> KeyBindings:
    """Return what keys do besides: nothing for a mouse, of which no use is made and whose reports may be malformed."""
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    bindings = KeyBindings()
    bindings.add(Keys.Vt100MouseEvent, eager=True)(lambda event: None)
    return bindings


def _completer() -> Completer:
    from prompt_toolkit.completion import WordCompleter

    return WordCompleter(list(ACTIONS), meta_dict=ACTIONS, sentence=True)
