"""The control methods of the relay and of its access codes."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from whisperd.control.answers import Methods, made, made_all
from whisperd.control.roles import RelayRole, Roles
from whisperd.logs import unexpected
from whisperd.wire import results


class RelayMethods:
    """The methods ``relay.*`` and ``access.*``; ``stop()`` stops the daemon when a relay is drained."""

    def __init__(self, roles: Roles, stop: Callable[[], None]) -> None:
        self._roles = roles
        self._stop = stop
        self._stopping = False  # when the relay is drained

    @property
    def methods(self) -> Methods:
        """The methods by their names."""
        return {"relay.limits": self.limits, "relay.drain": self.drain, "relay.resume": self.resume,
                "access.issue": self.issue_access, "access.list": self.list_access,
                "access.revoke": self.revoke_access}

    def status(self) -> results.RelayStatus | None:
        """Return the state of the relay; None if this daemon runs none."""
        relay = self._roles.relay
        if relay is None:
            return None
        hit = [{name: row[name] for name in ("limit", "scope", "refused", "slowed")}
               for row in relay.limits() if row["refused"] or row["slowed"]]
        return made(results.RelayStatus, {**relay.status(), "limits_hit": hit})

    async def limits(self) -> list[results.LimitRow]:
        """Return each limit of the relay, with its use and its refusals."""
        return made_all(results.LimitRow, self._roles.need_relay().limits())

    async def drain(self, stop: bool = False, wait: float = 0) -> results.Drained:
        """Stop opening new rooms. With ``stop``, the daemon stops when the last room is gone; with ``wait``, the
        answer comes then, or after that many seconds."""
        relay = self._roles.need_relay()
        relay.drain()
        if stop and not self._stopping:
            self._stopping = True
            ensureDeferred(self._stop_when_drained(relay)).addErrback(_report)
        drained = await relay.drained(wait)
        return made(results.Drained, {"draining": True, "drained": drained, "rooms": relay.status()["rooms"],
                                      "stop": self._stopping})

    async def resume(self) -> results.Resumed:
        """Open new rooms again."""
        self._roles.need_relay().resume()
        return results.Resumed(draining=False)

    async def issue_access(self, uses: int = 1, hours: float = 24) -> results.AccessIssued:
        """Create an access code. The answer contains it; it is not shown again."""
        relay = self._roles.need_relay()
        return made(results.AccessIssued, {**relay.issue(uses, hours), "required": relay.status()["access"] == "code"})

    async def list_access(self) -> list[results.AccessRow]:
        """Return the valid access codes by their ids, without the codes themselves."""
        return made_all(results.AccessRow, self._roles.need_relay().codes())

    async def revoke_access(self, id: str) -> results.AccessRevoked:
        """Revoke an access code."""
        self._roles.need_relay().revoke(id)
        return results.AccessRevoked(id=id, revoked=True)

    async def _stop_when_drained(self, relay: RelayRole) -> None:
        """Stop the daemon when the relay is drained, unless the relay resumes before."""
        self._stopping = await relay.drained(None)
        if self._stopping:
            self._stop()


def _report(failure: Failure) -> None:
    if failure.value is not None:
        unexpected(failure.value)
