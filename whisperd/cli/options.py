"""Options of both commands as click reads them: no value is empty, no number is none, and none is taken out of a
message. [whisperctl(1), NAMES]"""

from __future__ import annotations

import math

import click
from click.core import ParameterSource

from whisperd.errors import UsageError

#: Options that change what becomes of the whole command: behind a message they are taken for words of it.
_NEVER_BEHIND = frozenset({"--socket", "-h", "--help"})


class Valued(click.Option):
    """An option with a value. An empty one, as of a variable that a script has not set, would mean the default."""

    def type_cast_value(self, ctx: click.Context, value: object) -> object:
        typed = ctx.get_parameter_source(str(self.name)) is ParameterSource.COMMANDLINE
        if typed and "" in (value if isinstance(value, list | tuple) else (value,)):
            raise UsageError(f"the value of {self.opts[0]} is empty",
                             remedy=f"Omit {self.opts[0]}, or write a value. In a script, check the variable.")
        cast = super().type_cast_value(ctx, value)
        if isinstance(cast, float) and not math.isfinite(cast):
            raise UsageError(f"the value of {self.opts[0]} is {value!r}, which is not a number",
                             remedy="Write it in digits.")
        return cast


class MessageCommand(click.Command):
    """A verb whose last argument takes the rest of the words: what stands among them belongs to the message."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # a command line that a shell completes is not done yet
            self._check(ctx, args)
        return super().parse_args(ctx, args)

    def _check(self, ctx: click.Context, args: list[str]) -> None:
        """Raise UsageError for an option, or ``--``, that stands where words of the message may be meant."""
        words, others = self._places(ctx, args)
        before = sum(isinstance(param, click.Argument) for param in self.params) - 1
        if not words:
            return
        first = words[min(before, len(words) - 1)]
        several = words[-1] > first
        for place in others:
            option = args[place].partition("=")[0]
            if place > first and (several or option in _NEVER_BEHIND or option == "--"):
                raise UsageError(f"'{option}' stands after the start of the message, and may be part of it",
                                 remedy=f"Quote the whole message, or write '--' before it: '{ctx.command_path} CHAT "
                                        "-- TEXT'. Put options before that.")

    def _places(self, ctx: click.Context, args: list[str]) -> tuple[list[int], list[int]]:
        """Return where the words stand, and where the options and ``--``, as click will read them."""
        valued = {name for param in self.get_params(ctx) if isinstance(param, click.Option) and not param.is_flag
                  for name in param.opts}
        words: list[int] = []
        others: list[int] = []
        place = 0
        while place < len(args):
            if args[place] == "--":
                return [*words, *range(place + 1, len(args))], [*others, place]
            if args[place].startswith("-") and args[place] != "-":
                others.append(place)
                place += args[place] in valued
            else:
                words.append(place)
            place += 1
        return words, others
