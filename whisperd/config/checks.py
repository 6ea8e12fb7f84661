"""What the keys of a configuration have to be together, beyond each for itself."""

from __future__ import annotations

import os

from whisperd.config.paths import MAX_PART
from whisperd.config.sections import Config
from whisperd.errors import ConfigError

#: What the names of files beside store.file end with. [https://sqlite.org/tempfiles.html]
_BESIDE = ("-wal", "-shm", "-journal")


def check_together(config: Config) -> None:
    """Raise ConfigError, with a remedy, for what does not go together."""
    if not config.relay.enabled and not config.peer.enabled:
        raise ConfigError("both roles are switched off", remedy="Set relay.enabled or peer.enabled to true.")
    if config.relay.enabled and not config.relay.listen:
        raise ConfigError("relay.listen is empty", remedy="Name at least one listener, or set relay.enabled = false.")
    if config.control.admin_group and not config.control.group:
        raise ConfigError("control.admin_group is set, but control.group is empty",
                          remedy="Set control.group to the group that owns the socket, or leave both empty.")
    if config.relay.tls_listen and not (config.relay.tls_certificate and config.relay.tls_key):
        raise ConfigError("relay.tls_listen needs relay.tls_certificate and relay.tls_key",
                          remedy="Name the PEM files of the certificate chain and of its key.")
    if config.relay.onion_location:
        _check_onion_location(config)
    if config.tor.bridges or config.tor.options:
        _check_launch(config)
    _check_store(config)
    if config.peer.enabled and config.peer.relay:
        _check_relays(config)
    if config.tor.mode == "launch":
        _check_places_of_tor(config)
    if config.tor.mode == "managed" and config.relay.enabled and config.onion.enabled:
        _check_managed(config)


def _check_store(config: Config) -> None:
    name = config.store.credential
    if "/" in name or name in (".", ".."):
        raise ConfigError(f"store.credential is {name!r}, which is a path, not a name",
                          remedy="Write only the name. The service manager supplies the folder.")
    if len(name.encode(errors="replace")) > MAX_PART:
        raise ConfigError(f"store.credential is longer than {MAX_PART} bytes, the maximum for a name",
                          remedy="Choose a shorter name.")
    most = MAX_PART - max(map(len, _BESIDE))
    if len(os.fsencode(os.path.basename(config.store.file))) > most:
        raise ConfigError(f"the last part of store.file is longer than {most} bytes, and whisperd makes files beside "
                          "it with longer names", remedy="Choose a shorter name.")


def _check_relays(config: Config) -> None:
    """What 'chat invite' would refuse, and what a link could never dial."""
    from whisperd.errors import InviteMalformed
    from whisperd.wire.invite import RelayAddress

    for url in config.peer.relay:
        scheme, _, authority = url.strip().rstrip("/").partition("://")
        if scheme.lower() == "https":
            raise ConfigError(f"peer.relay names {url!r}, but relays are reached through Tor, without HTTPS",
                              remedy="Write 'http://HOST[:PORT]' with the relay's onion address. Tor encrypts the "
                                     "connection.")
        try:
            relay = RelayAddress.parse(authority)
        except InviteMalformed:
            relay = None
        if scheme.lower() != "http" or relay is None:
            raise ConfigError(f"peer.relay names {url!r}, which is not the address of a relay",
                              remedy="Write 'http://HOST[:PORT]', where HOST is an onion address or this machine.")
        if not relay.host.endswith(".onion") and not config.peer.loopback:
            raise ConfigError(f"peer.relay names {url!r} on this machine, but peer.loopback is false",
                              remedy="Name the relay's onion address. For a rehearsal, set peer.loopback = true.")


def _check_launch(config: Config) -> None:
    from whisperd.config import bridges, tor_options

    tor = config.tor
    for line in tor.bridges:
        bridges.parse(line)
    tor_options.check_all(tor.options)
    if tor.mode not in ("launch", "off"):
        raise ConfigError(f"tor.bridges and tor.options work only with a launched tor, but tor.mode is '{tor.mode}'",
                          remedy="Put them into the torrc of the running tor, or set tor.mode = 'launch'.")


def _check_places_of_tor(config: Config) -> None:
    """What a launched tor writes to stands in its torrc, which cannot express every path."""
    for key, path in (("tor.data_dir", config.tor.data_dir), ("control.socket", config.control.socket)):
        if any(character in '"\\' or not character.isprintable() for character in path):
            raise ConfigError(f"{key} is {path!r}, which a launched tor cannot use",
                              remedy="Choose a path without quotes and backslashes.")


def _check_managed(config: Config) -> None:
    if not config.onion.hostname_file:
        raise ConfigError("tor.mode is 'managed', but onion.hostname_file is empty",
                          remedy="Set it to the path of the file 'hostname' in torrc's HiddenServiceDir.")
    if config.onion.private:
        raise ConfigError("onion.private does not work with tor.mode 'managed'",
                          remedy="Put the clients into the folder authorized_clients in the HiddenServiceDir instead.")


def _check_onion_location(config: Config) -> None:
    if not config.relay.tls_listen:
        raise ConfigError("relay.onion_location is for a relay on the public network, but relay.tls_listen is empty",
                          remedy="Name a listener in relay.tls_listen, or set relay.onion_location = false.")
    if config.tor.mode == "off" or not config.onion.enabled or config.onion.private:
        raise ConfigError("relay.onion_location needs an onion service that everybody can reach",
                          remedy="Use a tor.mode other than 'off', set onion.enabled = true and onion.private = "
                          "false, or set relay.onion_location = false.")
