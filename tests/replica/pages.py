"""The page of a work, and the frame around every page: OpenGameArt's classes, attributes and nesting, our words.

*base* is the address that the visitor used, without a slash at the end: links to files are absolute, as on the site,
others are relative. The user login comes first, with the first `<h2>`; the side column has links and blocks that are
no art. Whole regions stand on one line, single and double quotes are mixed, as the site has them.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.replica.site import FILES_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.replica.site import ArtType, Author, Licence, ReplicaComment, ReplicaFile, ReplicaWork

CONCEPT = 'typeof="skos:Concept" property="rdfs:label skos:prefLabel" datatype=""'

SIDE = (
    '<div id=\'left\'><div id="block-user-login" class="block block-user"><h2>User login</h2>'
    '<form action="/node?destination=node" method="post"><input type="text" name="name" /></form></div>\n'
    '<div class="view view-new-forum-topics"><div class="view-content"><div class="views-row">'
    '<a href="/forumtopic/which-brush-do-you-use">Which brush do you use?</a> CC0 &amp; GPL 3.0 explained</div></div></div>\n'
    '<div class="view view-affiliates"><div class="view-content"><div class="views-row">'
    '<a href="/content/friends-of-the-site">Friends</a></div></div></div>\n'
    '<ul class="menu"><li><a href="/content/faq" title="FAQ">FAQ</a></li><li><a href="/latest">Latest</a></li></ul></div>'
)

WITHHELD = (
    '<div class="field-label">File(s):&nbsp;</div><div style="padding-left: 20px; font-style: italic;">File(s) currently'
    " unavalable due to potential licensing issues.  Please look again in a while.</div>"
)

BACK_SOON = (
    "<!DOCTYPE html>\n<html><head><title>Back soon</title></head>"
    "<body><h1>We are mending something</h1><p>This will not take long.</p></body></html>\n"
)


def framed(title: str, body_class: str, main: str, head: str = "") -> str:
    """A whole page around *main*; *head* is HTML already."""
    return (
        '<!DOCTYPE html>\n<html xmlns:dc="http://purl.org/dc/terms/"><head>\n<meta charset="utf-8" />\n'
        f"{head}<title>{escape(title)} | OpenGameArt.org</title></head>\n"
        f"<body class=\"html not-front not-logged-in {body_class}\">\n<div id='page'><a href='/' id='maintitle'></a>"
        f"<div id='maincontent'>{SIDE}\n<div id='right'>{main}</div></div></div></body></html>\n"
    )


def message_page(title: str, text: str) -> str:
    """Page not found, access denied and other refusals."""
    return framed(
        title,
        "page-content",
        f"\n      <div class='pagetitle'><h2>{escape(title)}</h2></div>\n      {escape(text)}\n",
    )


def field(name: str, kind: str, label: str, items: Iterable[str], extra: str = "") -> str:
    """A Drupal field: the label, then one `.field-item` for each of *items*, which are HTML; nothing for no items."""
    cells = "".join(
        f'<div class="field-item {("even", "odd")[place % 2]}"{extra}>{item}</div>'
        for place, item in enumerate(items)
    )
    if not cells:
        return ""
    shown = f'<div class="field-label">{label}:&nbsp;</div>' if label else ""
    where = "above" if label else "hidden"
    head = f'<div class="field field-name-{name} field-type-{kind} field-label-{where}">'
    return f'{head}{shown}<div class="field-items">{cells}</div></div>'


def author_item(author: Author, submitter: Author | None) -> str:
    """A member, a link that leaves the site, or a bare name; then who sent the work in, if somebody else did."""
    name = escape(author.name)
    if author.url is None:
        shown = name
    elif author.url.startswith("/"):
        shown = f'<a href="{escape(author.url)}">{name}</a>'
    else:
        shown = f"<a href='{escape(author.url)}' target='_blank'>{name}</a>"
    sent_in = f"<br/>(Submitted by <strong>{member(submitter)}</strong>)" if submitter else ""
    return f"<span class='username'>{shown}</span>{sent_in}"


def member(author: Author) -> str:
    return f'<a href="{escape(author.url or "/users/nobody")}">{escape(author.name)}</a>'


def type_item(kind: ArtType) -> str:
    return f'<a href="/art-search-advanced?field_art_type_tid%5B%5D={kind.tid}" {CONCEPT}>{escape(kind.name)}</a>'


def tag_item(tag: str) -> str:
    return (
        f'<a href="/art-search-advanced?field_art_tags_tid={quote(tag, safe="")}" {CONCEPT}>{escape(tag)}</a>'
    )


def licence_item(licence: Licence, base: str) -> str:
    return (
        f"<div class='license-icon'><a href='{escape(licence.deed)}' target='_blank'>"
        f"<img src='{base}{FILES_PATH}license_images/{licence.icon}' alt='' title=''>"
        f"<div class='license-name'>{escape(licence.name)}</div></a></div>"
    )


def collections_item(work: ReplicaWork) -> str:
    rows = (
        f'<li><a href="{each.path}">{escape(each.title)}</a> '
        f'(<a href="/collect/remove/{work.node_id}/{number}" class="collect-remove">remove</a>)</li>'
        for number, each in enumerate(work.collections, 85_000)
    )
    return f"<div class='collect-container'><ul>{''.join(rows)}</ul></div>"


def preview_item(file: ReplicaFile, base: str) -> str:
    thumbnail = base + file.thumbnail_path.format(style="medium")
    return f"<a href=\"{base}{file.url_path}\" class=\"preview-lightbox\"><img src='{thumbnail}'  alt='Preview'></a>"


def rounded(size_bytes: int) -> str:
    """A size as the site writes it, in steps of 1000."""
    size, unit = float(size_bytes), "b"
    for larger in ("Kb", "Mb", "Gb"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"


def file_item(file: ReplicaFile, base: str) -> str:
    """A download, its exact length in `type`, and the counter that must never be requested."""
    upload, family = escape(file.upload_name), file.mime.partition("/")[0]
    icon = family if family in {"image", "audio"} else "package"
    return (
        f'<span class="file"><img class="file-icon" alt="{upload}" title="{file.mime}" '
        f'src="/modules/file/icons/{icon}-x-generic.png" /> '
        f'<a href="{base}{file.url_path}" type="{file.mime}; length={file.declared_bytes}" data-fid="{file.fid}" '
        f'target="_blank" download="{upload}">{upload}</a> {rounded(file.declared_bytes)} '
        f'<span class="dlcount">[<span class="dlcount-number" id="dlcount-{file.fid}">{file.fid % 977}</span> download(s)'
        f'<a href="/file/{file.fid}/dlcounter" rel="nofollow"></a>]</span></span>'
    )


def comment_block(comment: ReplicaComment, base: str) -> str:
    """A visitor's words: `a.username`, `.field-name-post-date` and perhaps `span.file`, none of which are the work's."""
    url = escape(comment.author.url or "")
    joined = field("date-joined", "ds", "", ["<small><em>joined 2 years 4 months ago</em></small>"])
    date = field("post-date", "ds", "", [f"{comment.posted_at:%m/%d/%Y - %H:%M}"])
    said = f"<p>{escape(comment.text)}</p>"
    if comment.attachment:
        link = base + comment.attachment.url_path
        said += f'<p>see <a href="{link}">my game</a></p>{field("comment-files", "file", "Attachments", [file_item(comment.attachment, base)])}'
    return (
        '<div class="comment"><div class="group-left"><span rel="sioc:has_creator">'
        f'<a href="{url}" title="View user profile." class="username" xml:lang="" about="{url}" '
        f'typeof="sioc:UserAccount" property="foaf:name" datatype="">{escape(comment.author.name)}</a></span>{joined}{date}</div>'
        f'<div class="group-right right-side"><div class="field"><div class="field-items">{said}</div></div></div></div>'
    )


def left_column(work: ReplicaWork, base: str) -> str:
    """The facts of a work."""
    toggle = (
        f'<span class="flag-wrapper flag-favorites flag-favorites-{work.node_id}">\n      '
        f'<a href="/flag/flag/favorites/{work.node_id}?destination=node/{work.node_id}&amp;token=none" title="" '
        'class="flag flag-action flag-link-toggle" rel="nofollow">Add to Favorites</a>'
        '<span class="flag-throbber">&nbsp;</span></span>'
    )
    reference, inline = "taxonomy-term-reference", "field-label-inline clearfix"
    favourites = field("favorites", "ds", "Favorites", [str(work.favourites)])
    return "".join([
        field("author-submitter", "ds", "Author", [author_item(work.author, work.submitter)]),
        field("post-date", "ds", "", [f"{work.posted_at:%A, %B} {work.posted_at.day}, {work.posted_at:%Y - %H:%M}"]),
        field("field-collaborators", "user-reference", "Collaborators", map(member, work.collaborators)),
        field("field-art-type", reference, "Art Type", map(type_item, work.art_types)),
        field("field-art-tags", reference, "Tags", map(tag_item, work.tags)),
        field("field-art-licenses", reference, "License(s)", (licence_item(each, base) for each in work.licences)),
        field("collect", "ds", "Collections", [collections_item(work)] if work.collections else []),
        favourites.replace("field-label-above", inline, 1),
        field("flag-favorite", "ds", "", [toggle]),
    ])  # fmt: skip


def right_column(work: ReplicaWork, base: str) -> str:
    """Preview, words and files."""
    previews = field(
        "field-art-preview", "file", "Preview", (preview_item(file, base) for file in work.previews)
    )
    if len(work.previews) > 1:
        previews = previews.replace('class="field-items"', 'class="field-items art-preview-multiple"', 1)
    files = field("field-art-files", "file", "File(s)", (file_item(file, base) for file in work.listed_files))
    notice = [escape(work.copyright_notice)] if work.copyright_notice else []
    return "".join([
        previews,
        field("body", "text-with-summary", "", [work.body], ' property="content:encoded"'),
        field("field-copyright-notice", "text-long", "Copyright/Attribution Notice", notice),
        WITHHELD if work.withheld else files,
    ])  # fmt: skip


def work_head(work: ReplicaWork, base: str) -> str:
    title, author = escape(work.title), escape(work.author.name)
    image = (
        f'<meta property="og:image" content="{base}{work.previews[0].url_path}" />\n' if work.previews else ""
    )
    return (
        f'<link rel="canonical" href="{base}{work.path}" />\n<link rel="shortlink" href="{base}/node/{work.node_id}" />\n'
        f'<meta name="dcterms.title" content="{title}" /><meta name="dcterms.creator" content="{author}" />\n'
        f'<meta name="dcterms.date" content="{work.posted_at:%Y-%m-%dT%H:%M+00:00}" /><meta property="og:title" content="{title}" />\n'
        f'<meta property="article:published_time" content="{work.posted_at:%Y-%m-%dT%H:%M:%S+00:00}" />\n{image}'
    )


def work_page(work: ReplicaWork, base: str) -> str:
    """`/content/SLUG`."""
    title = field("title", "ds", "", [f"<h2>{escape(work.title)}</h2>"], ' property="dc:title"')
    comments = "".join(comment_block(comment, base) for comment in work.comments)
    main = (
        '<div class="region region-content"><div id="block-system-main" class="block block-system"><div class="content">\n'
        f'<div about="{work.path}" typeof="sioc:Item foaf:Document" '
        'class="ds-2col-stacked node node-art view-mode-full clearfix ">\n'
        f'<div class="group-header">{title}</div>\n<div class="group-left left-column">{left_column(work, base)}</div>\n'
        f'<div class="group-right right-column">{right_column(work, base)}</div>\n'
        f'<div class="group-footer"><div id="comments" class="comment-wrapper">{comments}</div></div>\n</div></div></div></div>'
    )
    return framed(work.title, "page-node page-node- node-type-art", main, work_head(work, base))
