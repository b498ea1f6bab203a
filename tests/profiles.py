"""Profiles and recipes for tests: the real recipes, shortened to seconds."""

from dataclasses import replace

from pneumo.training.recipes import RECIPES, Profile

# Torchvision's weights are not available.
PROFILE = Profile(
    "tests",
    ("simple-cnn", "resnet18-scratch", "resnet18-imagenet", "resnet18-tiny-imagenet"),
    seeds=(0, 1),
    controls=("simple-cnn-shuffled-labels",),
    ablations=("simple-cnn-held-out", "simple-cnn-held-out-flips"),
    epochs_share=0.01,
    train_images=64,
    probed_images=12,
    purpose="the tests' own",
)
SMALL = replace(
    PROFILE, name="small", recipes=("simple-cnn",), controls=(), ablations=(), probed_images=8
)
# Long enough to kill in the middle.
LONGER = replace(RECIPES["simple-cnn"], epochs=6, train_images=512)
