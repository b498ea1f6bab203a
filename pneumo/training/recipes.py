"""Recipes: how each model is trained, in one frozen dataclass per model; profiles choose which are trained.

The report compares models. Controls are trained the same way, to test for artefacts. Ablations change one
thing in the recipe of a model, and are compared on training images that both were trained without.

All hyper-parameters are in this module.
"""

import math
import os
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pneumo.base import paths
from pneumo.base.errors import find
from pneumo.data import Dataset, held_out

Architecture = Literal["simple-cnn", "resnet18", "efficientnet-lite0", "ensemble"]
Pretraining = Literal["imagenet", "tiny-imagenet", "imagenet-lite0"]

Averaging = Literal["none", "ema", "swa"]

# Fields that were added later. A false one is left out of a run's key, so that earlier runs are still found.
_ADDED = (("augmentation", "framing"), ("unshared_patients",))
REMOVED = {"patience": None}  # a field of earlier versions, for the same reason

# The side of the images that the recipes were made for, in pixels.
SIDE = 28
# Limits of the batch size for larger images, so that a training takes less than about 3 GiB: most pixels in a
# batch, and fewest images, since batch normalisation needs a variance.
MOST_PIXELS: dict[Architecture, int] = {
    "simple-cnn": 2**20,
    "resnet18": 2**20,
    "efficientnet-lite0": 2**19,
    "ensemble": 2**20,
}
LEAST_BATCH = 16
NO_ORIGINS = "it needs known patients and original films, and these images have none"


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image, drawn uniformly in their ranges in every epoch."""

    flip: float = 0.0  # probability of the mirror image
    rotation: float = 10.0  # degrees, to either side
    translation: float = 0.07  # share of the image's side, in each direction
    zoom: float = 0.0  # change of the shown share of the side, in each direction
    brightness: float = 0.15  # added to intensities in [0, 1], up or down
    contrast: float = 0.15  # intensities' distance from the image's mean is scaled by 1 ± this
    # Each film is framed like another one drawn at random, so that framing does not depend on the label.
    # Images of unknown origin stay as they are.
    framing: bool = False


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a run except its seed and data."""

    name: str  # as in results.json
    title: str  # as in tables and prose
    architecture: Architecture
    pretraining: Pretraining | None = None  # None: from random weights
    input_size: int = 28  # smaller images are upsampled bilinearly to this side, in pixels
    standardised: bool = False  # each image to the same mean and deviation, before normalisation
    stem_kernel: int = 7  # ResNet18's first convolution, in pixels
    stem_stride: int = 2
    stem_pooling: bool = True  # whether ResNet18 then halves the side again
    batch_size: int = 128  # images per step
    frozen_epochs: int = 0  # stage one: only the new head is trained
    frozen_learning_rate: float = 0.0  # its peak
    epochs: int = 10  # stage two, or the only one: all layers are trained
    learning_rate: float = 1e-3  # its peak; one cycle, up and down to zero
    # Learning rate of each group of layers, relative to the next one towards the head.
    layer_decay: float = 1.0
    weight_decay: float = 1e-2  # AdamW's, on kernels only, not on biases and norms
    label_smoothing: float = 0.0  # share of a label that is spread over both classes
    mixup: float = 0.0  # both parameters of the Beta distribution of the mixing weight; 0: no mixup
    balanced: bool = False  # whether both classes weigh the same in the loss
    half_precision: bool = True  # trains in bfloat16 where processors do; evaluates in 32 bits
    averaging: Averaging = "none"  # of the weights over steps; the mean is kept
    ema_decay: float = 0.99  # of the exponential average, per step
    dropout: float = 0.0  # before the head
    train_images: int | None = None  # train on a stratified sample of this size; None: on all
    held_out: bool = False  # some training images are held out, to evaluate the recipe
    shuffled_labels: bool = False  # a control: shuffled labels, so nothing can be learned
    unshared_patients: bool = False  # a control: without training images of validation's patients
    augmentation: Augmentation = Augmentation()
    views: int = 1  # variants of an image whose logits are averaged; the first is the image itself
    explained_layer: str = ""  # whose activations Grad-CAM reads, as named in the network

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain nested values, without fields of :data:`_ADDED` that change nothing."""
        fields = asdict(self)
        for path in _ADDED:
            *nested, name = path
            place = fields[nested[0]] if nested else fields
            if not place[name]:
                del place[name]
        return fields | REMOVED

    @property
    def needs_origins(self) -> bool:
        """Whether it needs known patients and framing of the images."""
        return self.unshared_patients or self.augmentation.framing

    def at(self, size: int) -> "Recipe":
        """Adapt the recipe to images of `size` pixels; larger images are not shrunk.

        At 28 pixels it is the recipe itself. From 56 pixels on, ResNet18's stem has torchvision's stride, so
        that its last layer has no fewer cells than at 28. :data:`MOST_PIXELS` and :data:`LEAST_BATCH` limit
        the batch size; learning rates are scaled by its square root, as for Adam (Malladi et al. 2022).
        Nothing else is tuned.
        """
        side = max(self.input_size, size)
        if side == self.input_size:
            return self
        fitting = max(LEAST_BATCH, MOST_PIXELS[self.architecture] // side**2)
        batch = min(self.batch_size, fitting)
        slower = math.sqrt(batch / self.batch_size)
        return replace(
            self,
            input_size=side,
            stem_stride=2 if side >= 2 * SIDE else self.stem_stride,
            batch_size=batch,
            frozen_learning_rate=slower * self.frozen_learning_rate,
            learning_rate=slower * self.learning_rate,
        )


@dataclass(frozen=True)
class Ablation:
    """A model's recipe with one thing changed, or none; trained without the held-out images."""

    recipe: Recipe
    model: str  # whose recipe it is
    change: str = ""  # as in tables; empty where nothing is changed

    @property
    def baseline(self) -> str:
        """The recipe for comparison: that of the model, trained without the held-out images."""
        return f"{self.model}-held-out"


@dataclass(frozen=True)
class Profile:
    """Models and seeds that a study trains, and how much it shortens their recipes."""

    name: str
    recipes: tuple[str, ...]  # the models
    seeds: tuple[int, ...]
    controls: tuple[str, ...] = ()
    ablations: tuple[str, ...] = ()
    epochs_share: float = 1.0  # of the epochs of each stage, which keeps one at least
    train_images: int | None = None
    probed_images: int | None = None  # test images that outputs are computed for; None: all
    size: int = SIDE  # side of the images, in pixels
    purpose: str = ""

    def at(self, size: int) -> "Profile":
        """Adapt the profile to images of `size` pixels; ablations are only run at 28."""
        return replace(self, ablations=self.ablations if size == SIDE else (), size=size)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe called `name`, adapted to the size of the images, and shortened."""
        recipe = find_recipe(name).at(self.size)
        return replace(
            recipe,
            frozen_epochs=self._shortened(recipe.frozen_epochs),
            epochs=self._shortened(recipe.epochs),
            train_images=self.train_images,
        )

    def _shortened(self, epochs: int) -> int:
        return max(1, round(self.epochs_share * epochs)) if epochs else 0


_RESNET18 = Recipe(
    name="resnet18-scratch",
    title="ResNet18 (scratch)",
    architecture="resnet18",
    # At torchvision's stride of 2 layer4 would end in a single cell; at 1 layer2 has 7×7.
    stem_stride=1,
    stem_kernel=3,
    epochs=16,
    learning_rate=1e-3,
    dropout=0.2,
    explained_layer="layer2",
)

# Pretrained against scratch: only the weights and the kernel size that they need differ.
_RESNET18_FINE_TUNED = replace(
    _RESNET18,
    stem_kernel=7,
    frozen_epochs=1,
    frozen_learning_rate=3e-3,
    epochs=12,
    learning_rate=5e-4,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="simple-cnn",
            title="SimpleCNN",
            architecture="simple-cnn",
            epochs=120,
            learning_rate=3e-3,
            label_smoothing=0.1,
            dropout=0.3,
            explained_layer="features.10",  # the third block's activations, 7×7
        ),
        _RESNET18,
        replace(
            _RESNET18_FINE_TUNED,
            name="resnet18-imagenet",
            title="ResNet18 (ImageNet)",
            pretraining="imagenet",
        ),
        replace(
            _RESNET18_FINE_TUNED,
            name="resnet18-tiny-imagenet",
            title="ResNet18 (Tiny ImageNet)",
            pretraining="tiny-imagenet",
        ),
        Recipe(
            name="efficientnet-lite0-imagenet",
            title="EfficientNet-Lite0 (ImageNet)",
            architecture="efficientnet-lite0",
            pretraining="imagenet-lite0",
            input_size=64,
            batch_size=48,  # at 128 a training takes half a GiB more
            frozen_epochs=1,
            frozen_learning_rate=5e-3,
            epochs=12,
            learning_rate=1e-3,
            dropout=0.2,
            half_precision=False,  # its depthwise convolutions are slower for it
            explained_layer="_blocks.4",  # the last block at an eighth of the input's side, 8×8
        ),
    )
}

# It is not trained: it combines all runs of a study.
ENSEMBLE = Recipe(name="ensemble", title="Ensemble of all runs", architecture="ensemble", epochs=0)

# With SimpleCNN, which trains fastest; these questions do not depend on size.
CONTROLS: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        replace(
            RECIPES["simple-cnn"],
            name="simple-cnn-shuffled-labels",
            title="SimpleCNN, labels shuffled",
            epochs=15,
            shuffled_labels=True,
        ),
        replace(
            RECIPES["simple-cnn"],
            name="simple-cnn-unshared-patients",
            title="SimpleCNN, without validation's patients",
            unshared_patients=True,
        ),
    )
}


def _ablations(
    model: str, rows: dict[str, tuple[str, dict[str, Any]]], **common: Any
) -> list[Ablation]:
    """Make the baseline and one ablation per change; `common` applies to all of them."""
    own = RECIPES[model]
    base = replace(
        own, name=f"{model}-held-out", title=f"{own.title}, held out", held_out=True, **common
    )
    changed = [
        replace(base, name=f"{base.name}-{name}", title=f"{own.title}: {words}", **changes)
        for name, (words, changes) in rows.items()
    ]
    words = ["", *(words for words, _ in rows.values())]
    return [
        Ablation(recipe, model, text) for recipe, text in zip([base, *changed], words, strict=True)
    ]


def _vary(**ranges: Any) -> dict[str, Any]:
    """The change of a recipe to an augmentation with these ranges."""
    return {"augmentation": Augmentation(**ranges)}


# Whether training with tighter and wider crops makes a network less sensitive to framing.
_FRAMING: dict[str, tuple[str, dict[str, Any]]] = {
    "zoom-15": ("zoom by up to 15 %", _vary(zoom=0.15)),
    "zoom-30": ("zoom by up to 30 %", _vary(zoom=0.3)),
    "zoom-50": ("zoom by up to 50 %", _vary(zoom=0.5)),
    "framing": ("framing drawn independently of the label", _vary(framing=True)),
}

# Changes of images and loss are tested with SimpleCNN, which is cheaper; changes of networks with ResNet18.
ABLATIONS: dict[str, Ablation] = {
    ablation.recipe.name: ablation
    for ablation in (
        *_ablations(
            "simple-cnn",
            {
                "flips": ("flips, with probability ½", _vary(flip=0.5)),
                "unvaried": (
                    "no augmentation",
                    _vary(rotation=0.0, translation=0.0, brightness=0.0, contrast=0.0),
                ),
                "stronger": (
                    "augmentation 1.5 times as strong",
                    _vary(rotation=15.0, translation=0.1, brightness=0.22, contrast=0.22),
                ),
                "standardised": ("each image standardised", {"standardised": True}),
                "unsmoothed": ("no label smoothing", {"label_smoothing": 0.0}),
                "mixup": (
                    "mixup of 0.2 instead of label smoothing",
                    {"mixup": 0.2, "label_smoothing": 0.0},
                ),
                "balanced": ("classes balanced in the loss", {"balanced": True}),
                "ema": ("weights averaged exponentially", {"averaging": "ema"}),
                "swa": ("weights averaged over the last quarter", {"averaging": "swa"}),
                "views": ("mean of 8 views when predicting", {"views": 8}),
                "float32": ("32-bit floats throughout", {"half_precision": False}),
                **_FRAMING,
            },
            epochs=16,
        ),
        *_ablations(
            "resnet18-scratch",
            {
                "unpooled": (
                    "stem with stride 2 and no pooling",
                    {"stem_stride": 2, "stem_pooling": False},
                ),
                "torchvision": (
                    "torchvision's stem: 7×7, stride 2",
                    {"stem_kernel": 7, "stem_stride": 2},
                ),
                **_FRAMING,
            },
            epochs=4,
        ),
        *_ablations(
            "resnet18-tiny-imagenet",
            {
                "unfrozen": ("no frozen stage", {"frozen_epochs": 0}),
                "decay": ("each lower layer learns 0.7 times as fast", {"layer_decay": 0.7}),
            },
            epochs=4,
        ),
    )
}

_ALL, _CONTROLS, _ABLATIONS = tuple(RECIPES), tuple(CONTROLS), tuple(ABLATIONS)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            _ALL,
            (0,),
            _CONTROLS,
            _ABLATIONS[:3],
            epochs_share=0.01,
            train_images=768,
            probed_images=64,
            purpose="a minute's check that everything works; its numbers mean nothing",
        ),
        Profile(
            "standard",
            _ALL,
            (0,),
            _CONTROLS[:1],
            epochs_share=0.5,
            probed_images=208,  # a third of the test set, since these outputs need many passes
            purpose="every model from one seed, for half of its epochs",
        ),
        Profile(
            "paper",
            _ALL,
            (0, 1, 2, 3, 4),
            _CONTROLS,
            _ABLATIONS,
            purpose="every model in full and every ablation, five seeds",
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Find the recipe called `name`.

    Raises:
        PneumoError: there is none; the message lists all.
    """
    ablations = {name: ablation.recipe for name, ablation in ABLATIONS.items()}
    return find("recipe", RECIPES | CONTROLS | ablations, name)


def title(name: str) -> str:
    """Return the title of the recipe called `name`, or of the ensemble.

    Raises:
        PneumoError: there is none; the message lists all.
    """
    return ENSEMBLE.title if name == ENSEMBLE.name else find_recipe(name).title


def find_profile(name: str | None = None) -> Profile:
    """Find the profile called `name`; None for ``PNEUMO_PROFILE``, or the default.

    Raises:
        PneumoError: there is none; the message lists all.
    """
    name = name or os.environ.get("PNEUMO_PROFILE") or paths.PROFILE
    return find("profile", PROFILES, name)


def images_an_epoch(recipe: Recipe, dataset: Dataset) -> int:
    """Approximate number of training images per epoch with this recipe."""
    labels = dataset.train.labels
    there = held_out.remaining(labels) if recipe.held_out else len(labels)
    return min(recipe.train_images or there, there)
