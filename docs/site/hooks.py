"""Steps of the site's build: pages from outside of docs/, generated parts, links."""

from collections.abc import Callable

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.site.api_reference import error_tree, with_options
from docs.site.command_reference import command_reference
from docs.site.notebooks import notebook_pages, notebook_text
from docs.site.repository_links import ROOT_PAGES, site_text

# By the marker in a page, what takes its place; in the repository the marker is not displayed.
GENERATED: dict[str, Callable[[], str]] = {
    "<!-- generated: commands -->": command_reference,
    "<!-- generated: errors -->": error_tree,
}
TUTORIALS = "Tutorials"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the notebooks to the tutorials."""
    pages: list[str] = next(part[TUTORIALS] for part in config.nav or () if TUTORIALS in part)
    pages += [page for page in notebook_pages() if page not in pages]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie in the repository's root, and the notebooks."""
    for source, uri in ROOT_PAGES.items():
        if uri not in files.src_uris:
            files.append(File.generated(config, uri, abs_src_path=source))
    for uri, path in notebook_pages().items():
        text = notebook_text(path.read_text(encoding="utf-8"))
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page's text with its generated parts, and with links between pages of the site."""
    markdown = site_text(markdown, page.file.src_uri)
    for marker, generate in GENERATED.items():
        if marker in markdown:
            markdown = markdown.replace(marker, generate())
    return with_options(markdown)
