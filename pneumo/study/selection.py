"""Which models a report speaks of first, chosen without a look at the test set."""

from pneumo.study.study import HALF, Model, Study


def best(study: Study) -> Model:
    """The model with the highest AUC on validation, as the mean over its seeds."""
    return max(study.ran, key=lambda model: model.mean(HALF, "val")["auc"])


def second(study: Study) -> Model:
    """A model to show beside the best one: the smallest of the others, by parameters."""
    first = best(study)
    others = [model for model in study.ran if model.name != first.name]
    return min(others, key=lambda model: model.parameters, default=first)
