"""The command ``whisperd``: run the daemon, check a configuration, rehearse on a private Tor network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from whisperd import __version__
from whisperd.cli import guard, signals
from whisperd.cli.daemon.testnet import testnet
from whisperd.cli.options import Valued
from whisperd.cli.words import misuse
from whisperd.config import Config, default_path, load
from whisperd.config.paths import typed_path
from whisperd.errors import Interrupted, UsageError

_CONFIG_HELP = "Configuration file, instead of ~/.config/whisperd/whisperd.toml or /etc/whisperd/whisperd.toml."

_INVITE_HELP = "Show the progress of tor, then a first invite and its QR code."
_DESCRIPTOR_HELP = ("Read the passphrase of the sealed store from this open file descriptor. Without it, whisperd "
                    "asks on the terminal.")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="whisperd")
@click.option("--config", "path", cls=Valued, type=click.Path(path_type=Path), metavar="FILE", help=_CONFIG_HELP)
@click.option("--invite", is_flag=True, help=_INVITE_HELP)
@click.option("--passphrase-fd", cls=Valued, type=click.IntRange(0), metavar="NUMBER", help=_DESCRIPTOR_HELP)
@click.pass_context
def cli(context: click.Context, path: Path | None, invite: bool, passphrase_fd: int | None) -> None:
    """Run the whisperd daemon in the foreground, or one of the commands below."""
    if context.invoked_subcommand not in (None, run.name):
        signals.let_go()
    path = context.obj = typed_path(path) if path else None
    if context.invoked_subcommand is None:
        _run(path, invite, passphrase_fd)


@cli.command()
@click.option("--invite", is_flag=True, help=_INVITE_HELP)
@click.option("--passphrase-fd", cls=Valued, type=click.IntRange(0), metavar="NUMBER", help=_DESCRIPTOR_HELP)
@click.pass_obj
def run(path: Path | None, invite: bool, passphrase_fd: int | None) -> None:
    """Run the daemon in the foreground (the default)."""
    _run(path, invite, passphrase_fd)


@cli.group("config")
def config_group() -> None:
    """Look at the configuration without starting anything."""


@config_group.command("check")
@click.pass_obj
def config_check(path: Path | None) -> None:
    """Exit with 0 if the daemon could be started with it, as far as can be seen; name the first mistake if not."""
    from whisperd.cli.verbs import config as settings

    print("\n".join(settings.verdict(*settings.checked(path))))


@config_group.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def config_show(path: Path | None, as_json: bool) -> None:
    """Print every key with the value in force; secrets are not shown."""
    values = _load(path).flat()
    if as_json:
        print(json.dumps(values))
        return
    for name, value in values.items():
        print(f"{name} = {json.dumps(value)}")


@cli.command()
@click.option("--json", "report", cls=Valued, type=click.Path(path_type=Path), metavar="FILE",
              help="Write the figures to this file as JSON.")
def demo(report: Path | None) -> None:
    """Prove the whole job on a private Tor network: a relay, two people, a fault, and what was left behind."""
    from whisperd.demo.script import main as rehearse

    sys.exit(rehearse(typed_path(report) if report else None))


cli.add_command(testnet)


def _load(path: Path | None) -> Config:
    return load(path or default_path())


def _run(path: Path | None, invite: bool, passphrase_fd: int | None) -> None:
    config = _load(path)
    from whisperd.cli.daemon.run import run_daemon

    sys.exit(run_daemon(config, show_invite=invite, passphrase_fd=passphrase_fd))


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; whatever goes wrong is told."""
    return guard.run("whisperd", lambda: run_words, arguments)


def run_words(words: list[str]) -> int:
    """Run one command and return its exit status; raises what it ends with."""
    try:
        return cli.main(words, prog_name="whisperd", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UsageError.exit_status
    except click.ClickException as error:
        raise misuse(error, "whisperd") from None
    except click.Abort:
        raise Interrupted from None
