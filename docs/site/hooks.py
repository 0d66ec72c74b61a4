"""Steps of the site's build: pages of the repository's root, generated parts, links."""

from collections.abc import Callable

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.site.api_reference import error_tree, with_options
from docs.site.command_reference import command_reference
from docs.site.repository_links import ROOT_PAGES, site_text

# By the marker in a page, what takes its place; in the repository the marker is not displayed.
GENERATED: dict[str, Callable[[], str]] = {
    "<!-- generated: commands -->": command_reference,
    "<!-- generated: errors -->": error_tree,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie in the repository's root."""
    for source, uri in ROOT_PAGES.items():
        if uri not in files.src_uris:
            files.append(File.generated(config, uri, abs_src_path=source))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page's text with its generated parts, and with links between pages of the site."""
    markdown = site_text(markdown, page.file.src_uri)
    for marker, generate in GENERATED.items():
        if marker in markdown:
            markdown = markdown.replace(marker, generate())
    return with_options(markdown)
