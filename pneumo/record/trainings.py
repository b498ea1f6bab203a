"""How the networks were trained, as stored in a record."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """The first seed's training of one model."""

    epochs: int
    kept_epoch: int
    validation_loss: float  # of the epoch that was kept
    seconds: float
    threads: int
    frozen_epochs: int  # in which the new head alone learned
