"""The templates of pages that are not part of the report itself."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pneumo.base import paths


def template(name: str) -> Template:
    """A template of ``templates/beside``; it escapes its values."""
    environment = Environment(
        loader=FileSystemLoader(paths.templates() / "beside"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(f"{name}.html.j2")
