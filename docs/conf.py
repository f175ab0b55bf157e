"""How the site is built: ``scripts/docs``. No page of it asks another host for anything."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for docs._ext, wherever the build is begun

project = "asgi_social"
author = "the asgi_social authors"
project_copyright = "the asgi_social authors"
release = version = installed("asgi-social")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs._ext.site"]
exclude_patterns = ["_build"]
nitpicky = True

# --- Markdown --------------------------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 4

# --- From docstrings -------------------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "mixed"
autoclass_content = "both"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False

# --- HTML ------------------------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "asgi_social"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_permalinks_icon = "#"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1a56c4", "color-brand-content": "#1a56c4"},
    "dark_css_variables": {"color-brand-primary": "#8ab4ff", "color-brand-content": "#8ab4ff"},
    "top_of_page_buttons": [],
}
