"""The interface through which a training reports its progress."""

from typing import Any, Protocol


class Listener(Protocol):
    """Receives the progress of one training; a progress display implements it."""

    def step(self, images: int) -> None:
        """Another `images` training images have been learned from."""

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch has ended; `row` is its row of the history."""
