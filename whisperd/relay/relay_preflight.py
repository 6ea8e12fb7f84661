"""What the relay's part of a configuration asks of this machine, looked at with nothing opened or made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from whisperd.config import RelaySection
from whisperd.relay.access_file import AccessFile
from whisperd.relay.listeners import check, check_for_onion, from_manager

#: Where systemd puts the credentials of a unit, while it runs. [systemd.exec(5), CREDENTIALS]
_CREDENTIALS = Path("/run/credentials")


def preflight(settings: RelaySection, onion_listen: str | None) -> Iterator[str]:
    """Raise ConfigError for what would keep the relay from starting; yield what cannot be seen before it does.

    ``settings`` has the keys of ``[relay]`` as attributes; ``onion_listen`` is None where there is no such listener.
    """
    for key, listeners in (("relay.listen", settings.listen), ("relay.tls_listen", settings.tls_listen)):
        for description in listeners:
            check(description, key)
            if from_manager(description):
                yield f"{key}: {description} is opened by the service manager"
    if onion_listen is not None:
        check_for_onion(onion_listen)
    if settings.tls_listen:
        yield from _certificate_preflight(settings)
    if settings.access_file:
        AccessFile(settings.access_file).read()


def _certificate_preflight(settings: RelaySection) -> Iterator[str]:
    handed_over = [(key, path) for key, path in (("relay.tls_certificate", Path(settings.tls_certificate)),
                                                 ("relay.tls_key", Path(settings.tls_key)))
                   if path.is_relative_to(_CREDENTIALS) and not path.exists()]
    yield from (f"{key}: {path} is there only for the daemon, while it runs" for key, path in handed_over)
    if not handed_over:
        from whisperd.relay.tls import Credentials

        Credentials(Counter()).load(settings.tls_certificate, settings.tls_key, require_pq=settings.tls_require_pq)
