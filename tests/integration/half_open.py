"""A control connection that has ended, which tor does not know: beside the other faults."""

from __future__ import annotations

from twisted.internet.task import deferLater

from tests.integration.faults import Stage, Strike, reactor, until


def control_half_open(seconds: float) -> Strike:
    """The control connection ends for the daemon alone, as behind a network that forgot it. Tor holds the onion service
    for it until it says something there and hears a reset; for so many seconds before that nothing comes back."""

    async def strike(scene: Stage) -> None:
        taken: list[str] = []
        scene.proxy.edit = lambda said: taken.append("") or said if said.startswith(b"550 ") else said
        scene.proxy.cut_unnoticed(reset=not seconds)
        await scene.say()
        await until(lambda: bool(taken), "the onion service is not taken")
        if seconds:
            await until(lambda: (scene.service.status()["error"] or {}).get("code") == "onion-taken", "it is not told")
            await deferLater(reactor, seconds)
            assert not scene.is_up() and len(taken) > 1
            scene.proxy.notice()
        scene.proxy.edit = bytes

    return strike
