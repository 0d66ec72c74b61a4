"""Pages of the repository in the site: those of its root, and links that lead out of docs/."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.site.repository_links import ROOT_PAGES, rewritten


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie in the repository's root."""
    for source, uri in ROOT_PAGES.items():
        if uri not in files.src_uris:
            files.append(File.generated(config, uri, abs_src_path=source))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page's text with links between pages of the site."""
    return rewritten(markdown, page.file.src_uri)
