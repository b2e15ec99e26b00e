"""`presence demo`: the whole system at work, on networks that are played on this machine or on the public Bluesky."""

import signal
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from presence.cli.demo_show import LOOK_S, Show, shown
from presence.cli.demo_view import View, print_json
from presence.demo.frames import frames
from presence.demo.jetstream import Jetstream
from presence.events.errors import CallerError
from presence.log.clock import now_ms

FRAMES = 3_000
RATE_PER_S = 250.0

err = Console(stderr=True)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End when everything that was played is scored.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object at the end; implies --once.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Listen to the public Bluesky network instead.")
    ] = False,
    count: Annotated[
        int, typer.Option("--frames", min=1, help="Recorded frames of Bluesky to play.")
    ] = FRAMES,
    rate: Annotated[float, typer.Option(min=1, help="Recorded frames per second.")] = RATE_PER_S,
) -> None:
    """Show the whole system: every network in its own wire format, real Kafka, real services, a live ranking, one score with its reasons.

    It stays up until Ctrl-C, and leaves nothing behind: its data is in a temporary folder.
    """
    if live and (once or as_json):
        raise CallerError("--live goes on until Ctrl-C: leave out --once and --json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that nothing is left running then either.
    end_ms = now_ms() - 60_000
    played = None if live else Jetstream(frames(count, end_ms=end_ms), rate_per_s=rate, held=True)
    try:
        with shown(played, end_ms) as show:
            if as_json:
                print_json(show, show.until_scored())
            elif once:
                View(show).tell(show.until_scored())
            else:
                _show_until_interrupted(show)
    except KeyboardInterrupt:
        err.print("stopping")


def _show_until_interrupted(show: Show) -> None:
    console, view = Console(), View(show)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not show.is_played:
            show.step()
            live.update(view.now(), refresh=True)
            time.sleep(LOOK_S)
    view.tell(show.until_scored())
    console.print(
        "Everything stays up until Ctrl-C. In another terminal:\n"
        f"  PRESENCE_GATEWAY={show.settings.gateway} presence watch\n"
        f"  PRESENCE_KAFKA={show.settings.kafka} PRESENCE_NAMESPACE={show.settings.namespace} presence replay --from kafka"
    )
    while True:
        show.step()
        time.sleep(LOOK_S)
