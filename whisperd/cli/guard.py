"""The guard around ``whisperd`` and ``whisperctl``, from the first import to the last byte that is flushed.

Whatever happens is told as an error with its remedy and ends in that error's exit status; what nobody expected is one
line with the place of it. WHISPERD_TRACEBACK=1 shows Python's traceback besides. [whisperctl(1), EXIT STATUS]
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperd.errors import WhisperdError

#: Runs the words of a command line and returns the exit status.
Work = Callable[[list[str]], int]

#: Exit status when whoever read standard output went away, as a shell has it for SIGPIPE.
READER_GONE = 141
#: Set to anything, it shows tracebacks.
VARIABLE = "WHISPERD_TRACEBACK"
#: What runs below everything: where nothing else of ours does, the place of a bug is somewhere else.
_OUTERMOST = ("cli/guard.py", "cli/entry_points.py")
#: What ``errors.Interrupted`` says, for the time before it can be imported.
INTERRUPTED = ("interrupted", 9, "interrupted", "Run it again when you like.")


def run(program: str, load: Callable[[], Work], words: list[str] | None = None) -> int:
    """Load a program and run it with ``words``, those of the command line by default; return the exit status."""
    return _Guard(program, sys.argv[1:] if words is None else words).run(load, last=words is None)


class _Guard:
    def __init__(self, program: str, words: list[str]) -> None:
        self._program = program
        self._words = words
        options = words[:words.index("--")] if "--" in words else words
        self._json = program == "whisperctl" and "--json" in options
        self._unseen: BaseException | None = None

    def run(self, load: Callable[[], Work], *, last: bool) -> int:
        """Return the exit status; if nothing comes after it, as ``last`` says, a late Ctrl-C ends the process."""
        before = signal.getsignal(signal.SIGINT)
        ours = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
        if ours:
            signal.signal(signal.SIGINT, self._leave)
        try:
            status = self._guarded(load, ours)
        except KeyboardInterrupt:  # the second one, while the first was told
            status = INTERRUPTED[1]
        finally:
            if ours:
                signal.signal(signal.SIGINT, self._leave if last else before)
        return self._flushed(status)

    def _guarded(self, load: Callable[[], Work], ours: bool) -> int:
        try:
            from whisperd.cli import closed_descriptors, stream_encoding

            closed_descriptors.occupy()
            stream_encoding.prepare()
            _load_what_tells()
            work = load()
            self._hooks()
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            status = work(self._words)
            if self._unseen is not None and not status:
                raise self._unseen
            return status
        except SystemExit as leaving:
            return self._of(leaving)
        except BaseException as error:
            if ours:
                signal.signal(signal.SIGINT, self._leave)
            return self._told(error)

    def _of(self, leaving: SystemExit) -> int:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1

    def _flushed(self, status: int) -> int:
        """Write what is left of standard output, where a full disk shows at last."""
        try:
            from whisperd.cli import stream_encoding

            stream_encoding.flush()
        except BaseException as error:
            return status or self._told(error)
        return status

    # -- telling -------------------------------------------------------------------------------------------------

    def _told(self, error: BaseException) -> int:
        """Say what happened and what to do; return the exit status."""
        try:
            from whisperd.cli.checked_stdout import ReaderGone
            from whisperd.cli.stream_encoding import abandon
            from whisperd.errors import OutputFailed

            if isinstance(error, ReaderGone | OutputFailed):
                abandon()
            if isinstance(error, ReaderGone):
                return READER_GONE
            self._trace(error)
            known = explained(error, self._program)
            self._say(known)
            return known.exit_status
        except BaseException:  # not even that can be said: no memory, no files, no modules
            os.write(2, f"{self._program}: {type(error).__name__}\n".encode())
            return 1

    def _say(self, error: WhisperdError) -> None:
        from whisperd import standard_streams
        from whisperd.cli import stream_encoding
        from whisperd.cli.checked_stdout import complain
        from whisperd.cli.render import Paint, clean
        from whisperd.errors import OutputFailed

        if self._json and error.code != OutputFailed.code and self._as_json(error):
            return
        message, remedy = clean(error.message), clean(error.remedy)
        if self._program == "whisperctl":
            complain(f"{Paint.on(sys.stderr)(f'whisperctl: {message}', 'bad')}\n{remedy}\n")
        elif isinstance(sys.stderr, standard_streams.Outlet) or stream_encoding.is_standard_error(sys.stderr):
            standard_streams.say(f"{self._program}: {message}. {remedy}\n")
        else:
            complain(f"{self._program}: {message}. {remedy}\n")

    def _as_json(self, error: WhisperdError) -> bool:
        """Print the error as an object; return whether that worked."""
        import json

        from whisperd.cli import checked_stdout
        from whisperd.cli.stream_encoding import abandon

        told = {"code": error.code, "message": error.message, "remedy": error.remedy}
        try:
            checked_stdout.write(json.dumps({"error": told}) + "\n")
        except Exception:
            abandon()
            return False
        return True

    def _trace(self, error: BaseException) -> None:
        if os.environ.get(VARIABLE):
            import traceback

            traceback.print_exception(error)

    # -- what no caller sees -------------------------------------------------------------------------------------

    def _leave(self, number: int, frame: FrameType | None) -> None:
        """End at once, where an exception would come up in somebody's import or in Python's own end."""
        code, status, message, remedy = INTERRUPTED
        line = f"{self._program}: {message}\n{remedy}\n"
        if self._json:
            line = f'{{"error": {{"code": "{code}", "message": "{message}", "remedy": "{remedy}"}}}}\n'
        try:
            os.write(1 if self._json else 2, line.encode())
        finally:
            os._exit(status)

    def _hooks(self) -> None:
        """Have no thread and no destructor print a traceback."""
        if threading.excepthook is threading.__excepthook__:
            threading.excepthook = self._in_thread
        if sys.unraisablehook is sys.__unraisablehook__:
            sys.unraisablehook = self._in_destructor

    def _in_thread(self, failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None:
            self._missed(failed.exc_value)
            self._unseen = self._unseen or failed.exc_value

    def _in_destructor(self, failed: sys.UnraisableHookArgs) -> None:
        if failed.exc_value is not None:
            self._missed(failed.exc_value)

    def _missed(self, error: BaseException) -> None:
        self._trace(error)
        if self._program == "whisperd" and (logs := sys.modules.get("whisperd.logs")) is not None:
            logs.unexpected(error)


def _load_what_tells() -> None:
    """Load what an error is told with, for the time when no more files can be opened."""
    import whisperd.cli.render
    import whisperd.errors.system
    import whisperd.standard_streams  # noqa: F401


def explained(error: BaseException, program: str) -> WhisperdError:
    """Return what a person is told of any exception; of a bug its kind and place, never its text."""
    from whisperd.errors import WhisperdError
    from whisperd.errors.system import as_whisperd_error

    return as_whisperd_error(error) or WhisperdError(
        f"an internal error happened in {program} ({type(error).__name__} in {_place(error)})",
        remedy=f"This is a bug: please report it where you got whisperd from. To see the traceback, set {VARIABLE}=1 "
               "in the environment; it may contain names of your files and texts.")


def _place(error: BaseException) -> str:
    """Return the file and line in which an exception was raised: of whisperd itself, where that took part."""
    places: list[tuple[str, int]] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    own = [place for place in places if "/whisperd/" in place[0] and not place[0].endswith(_OUTERMOST)]
    file, line = (own or places or [("an unknown file", 0)])[-1]
    return f"{file.rpartition('/whisperd/')[2]}, line {line}"
