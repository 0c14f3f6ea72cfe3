"""A loopback OpenGameArt: the structure of its pages around words and art of our own, all made from one seed.

    site = build_site(works=64, faults=True)
    with ReplicaServer(site) as server:
        crawl(server.url); compare with site.works

Routes
    /art-search-advanced    the listing, oldest or newest first: keys, title, name, field_art_type_tid[],
                            field_art_licenses_tid[], field_art_tags_tid, sort_by, sort_order, items_per_page, page
    /, /latest              the same rows in another view: not what a crawler of the listing may recognise
    /latest/rss.xml         the 24 newest works
    /content/SLUG           a work; /node/NUMBER is the same work
    /sites/default/files/   files; below it `styles/` thumbnails, `license_images/`, `archive/` (of a comment), `moved/`
    /robots.txt             Drupal's, with a Crawl-delay if asked for
    anything else           404; `/file/*/dlcounter`, `/flag/…` and `/collect/…` stand on pages but must not be requested

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
"""

from tests.replica.catalogue import build_site
from tests.replica.server import ReplicaServer
from tests.replica.site import ReplicaComment, ReplicaFile, ReplicaWork, Site

__all__ = ["ReplicaComment", "ReplicaFile", "ReplicaServer", "ReplicaWork", "Site", "build_site"]
