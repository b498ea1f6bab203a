"""Choose the models that a report presents first, without using the test set."""

from pneumo.study.cache import once
from pneumo.study.study import HALF, Model, Study


@once
def tied(study: Study) -> tuple[Model, ...]:
    """Return the model with the highest mean AUC on validation, and those that are not significantly worse.

    A model is included if the interval of the difference, over patients and seeds, contains zero. The model
    with the highest AUC comes first.
    """
    from pneumo.statistics import influence

    first = max(study.ran, key=lambda model: model.mean(HALF, "val")["auc"])
    groups = study.groups("val")
    areas = {
        model.name: influence.auc(
            model.run.predictions["val"].labels,
            model.probabilities("val"),
        )
        for model in study.ran
    }
    others = [
        model
        for model in study.ran
        if model.name != first.name
        and not areas[first.name].apart(areas[model.name]).estimate(groups).low > 0
    ]
    return first, *others


def best(study: Study) -> Model:
    """Return the smallest of the :func:`tied`, by parameters; validation gives no reason for a larger one."""
    return min(tied(study), key=lambda model: model.parameters)


def second(study: Study) -> Model:
    """Return the model to compare with the best one: the smallest of the others, by parameters."""
    first = best(study)
    others = [model for model in study.ran if model.name != first.name]
    return min(others, key=lambda model: model.parameters, default=first)
