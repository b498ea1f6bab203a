"""The study that most tests share, as a profile."""

from pneumo.training.recipes import Profile

# The real recipes, shortened until they take seconds; torchvision's weights are out of reach.
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
