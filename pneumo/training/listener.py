"""The interface through which a training reports its progress."""

from typing import Any, Protocol


class Listener(Protocol):
    """Receives the progress of one training; a progress display implements it."""

    def step(self, images: int) -> None:
        """Report `images` more training images."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Report the end of an epoch; `row` is its row of the history."""
