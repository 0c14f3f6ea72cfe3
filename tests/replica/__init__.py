"""A loopback OpenGameArt: the structure of its pages around words and art of our own, all made from one seed.

    site = build_site(works=64, faults=True)
    with ReplicaServer(site) as server:
        crawl(server.url); compare with site.works

Routes
    /art-search-advanced    the listing, oldest or newest first: keys, title, name, field_art_type_tid[],
                            field_art_licenses_tid[], field_art_tags_tid, sort_by, sort_order, items_per_page, page
    /, /latest?page=N       the same rows in another view, newest first, 24 a page: not what a crawler of the listing
                            may recognise
    /latest/rss.xml         the 24 newest works
    /content/SLUG           a work; /node/NUMBER is the same work
    /content/COLLECTION     the works in a collection, newest first, 24 a page; its markup is inferred
    /sites/default/files/   files; below it `styles/` thumbnails, `license_images/`, `archive/` (of a comment), `moved/`,
                            `elsewhere/` and `loop/` (of redirects), `large/<megabytes>mb.bin` (made while it is sent)
    /challenge/             what a browser loads and a crawl does not need: `tests.replica.challenge.RESOURCES`
    /robots.txt             Drupal's, with a Crawl-delay if asked for, or any other text or status
    anything else           404; `/file/*/dlcounter`, `/flag/…` and `/collect/…` stand on pages but must not be requested

Pages and files have ETag and Last-Modified (304), files also Accept-Ranges (206, 416, If-Range).
`server.log` has who asked for what. `server.change`, `vanish`, `publish` and `fail_everything` make the site live.

Works that show something (`tests.replica.plans` has them all)
    several licences            foundry-starships, brams-sea-chest, reef-counted-twice
    outside author, plain name  new-library-parts, old-library-parts (with submitters), foundry-starships, brams-sea-chest
    collaborators               meadow-tiles-first-field, knight-dragon
    notice                      goblin-market-night, brams-sea-chest
    withheld                    the-withheld-wood, also-withheld
    a file of two works         meadow-tiles-second-field, one-name-one-file
    equal titles                harbour-lanterns, harbour-lanterns-0
    AIR.png and air.png         elements-air, elements-breeze
    encoded slugs               %D1%81rowns, %E6%AD%BB%E7%A5%9E-mask-16x18, walls-%E2%80%94-twenty-%C3%97-twenty
    a literal %25 in a name     reef-counted-twice
    comment attachments         talked-about (`archive/screenshot.png`), one-name-one-file
    no preview                  old-man-small, also-withheld, waltz-for-a-clock
    3D and 2D at once           low-poly-orchard; music: waltz-for-a-clock
    archives                    goblin-market-day and walking-imps (frames), gothic-collection (stored),
                                knight-dragon (cp437 names), sci-fi-layers (tar.gz), renamed-archive (a zip named .rar)
    odd pictures                smoke-and-ash (grey + alpha, 16 bit), mazes-by-number (1 bit), meadow-tiles-second-field
                                (palette), swords-of-one-smith (recolours, enlargements), poxel-figures (.PNG, .BMP)

Works that are broken on purpose come last, if asked for
    a file      fault-missing-file, fault-forbidden-file, fault-flaky-file (500 twice), fault-truncated-file,
                fault-wrong-length, fault-html-instead-of-zip, fault-slow-file, fault-redirected-file
    its bytes   fault-broken-zip, fault-flipped-zip, fault-undecodable-picture, fault-cut-picture, fault-bad-crc,
                fault-evil-names
    its page    fault-page-unrecognised, fault-page-missing, fault-page-error

Still later come those of `more_faults=True`: fault-gone-file has `fault-gone.png` and, where that cannot be had at all,
its good neighbour `fault-gone-good.png`, and so on; `tests.replica.faults` says what each does
    a file      fault-gone-file (410), fault-busy-file (429 once, Retry-After: 1), fault-unavailable-file (503 once,
                Retry-After as a date), fault-foreign-file (redirect to localhost), fault-loop-file, fault-reset-file
                (half, then RST, every time), fault-cut-off-file (a third at a time, twice; Range gets the rest),
                fault-endless-file (chunked, until the visitor leaves or 64 MB), fault-oversized-file (6 MB for 2 kB),
                fault-endless-error (a 404 of 64 MB)
    its page    fault-gone-page, fault-busy-page, fault-unavailable-page, fault-loop-page, fault-broken-markup (readable),
                fault-challenge-page and fault-challenge-page-503 (shown once a script has set `js_ok=1`),
                fault-endless-page (64 MB), fault-bomb-page (the same in 0.3 MB of gzip),
                fault-odd-links (a raw blank, the same name on another host, a thumbnail, what is no file)

Last, with `large_mb=N`, comes large-file, whose file is of N million bytes.
"""

from tests.replica.catalogue import build_site
from tests.replica.log import Entry
from tests.replica.server import ReplicaServer
from tests.replica.site import ReplicaComment, ReplicaFile, ReplicaWork, Site

__all__ = ["Entry", "ReplicaComment", "ReplicaFile", "ReplicaServer", "ReplicaWork", "Site", "build_site"]
