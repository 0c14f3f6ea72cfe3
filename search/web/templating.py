"""Views become HTML."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from search.web.views import View

TEMPLATES = Path(__file__).with_name("templates")


@cache
def environment() -> Environment:
    """Return what reads :data:`TEMPLATES`: everything is escaped, and a name that no view has is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(view: View) -> str:
    """Return *view* as HTML."""
    return environment().get_template(view.template).render(view.context())


def warm() -> None:
    """Compile all templates: the first who comes need not wait for that."""
    for name in environment().list_templates():
        environment().get_template(name)
