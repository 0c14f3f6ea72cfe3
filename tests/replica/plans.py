"""The works that were thought of by hand: each shows something that a crawler or a search meets on the real site.

Their order is the order of creation. Works beyond this table are invented by `tests.replica.catalogue`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.replica.site import FileFault, WorkFault


@dataclass(frozen=True, slots=True)
class Plan:
    """A work in short; what is left empty is filled in by chance. A file is `form:name as stored`."""

    title: str
    theme: str
    files: tuple[str, ...]
    slug: str = ""
    licences: tuple[str, ...] = ()
    author: str = ""
    submitter: str = ""
    collaborators: tuple[str, ...] = ()
    art_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notice: str = ""
    previews: str = ""
    """`own`: pictures that are no art; `file`: the first file; `none`."""
    attachment: str = ""
    shares: str = ""
    """The name of a file of an earlier work, listed by this one too."""
    withheld: bool = False
    file_fault: FileFault | None = None
    """What is wrong with the first file."""
    claimed_bytes: int | None = None
    fault: WorkFault | None = None


NOTICE = 'Credit "Wren Tallow" and link back, please.\nThe ground tiles are by mossbit <mossbit@example.org>, CC-BY 3.0.'
LONG_NAME = "flæskesteg med brunede kartofler, rødkål og brun sovs (or just generic food)_0.png"

PLANS = (
    Plan("First Light over Fennelwick", "vista", ("png:fennelwick.png",), licences=("CC0",), previews="file"),
    Plan("Crooked Toolbox", "axe", ("png:Weapon-Tool-Package-#1.png", "png:Weapon-Tool-Package-#2.png"), licences=("CC-BY 3.0",)),
    Plan("Harbour Lanterns", "potion", ("png:lantern.png",), licences=("CC-BY 4.0",), author="mossbit"),
    Plan("Harbour Lanterns", "potion", ("png:lantern_0.png", "recolour:lantern_1.png"), licences=("CC-BY 4.0",), author="Ada Quill"),
    Plan("Elements: Air", "gem", ("png:AIR.png",), licences=("CC-BY-SA 3.0",)),
    Plan("Elements: Breeze", "gem", ("png:air.png",), licences=("CC-BY-SA 4.0",)),
    Plan('Сrowns & "rings"', "coin", ("png:crown (2).png", "sheet:crowns.png"), slug="%D1%81rowns", licences=("CC0",)),  # noqa: RUF001 - the Cyrillic letter is the point
    Plan("Goblin Market <Day>", "creature", ("frames-zip:goblin.guard_.zip", "png:goblin.guard_.png"), licences=("GPL 2.0",)),
    Plan("Goblin Market <Night>", "creature", ("sheet:goblins by night.png",), licences=("GPL 3.0",), notice=NOTICE),
    Plan("Meadow Tiles, first field", "meadow", ("png:16x16 lava & water tiles.png",), licences=("OGA-BY 3.0",), collaborators=("mossbit", "O'Byte")),
    Plan("Meadow Tiles, second field", "meadow", ("palette:meadow.png",), licences=("OGA-BY 4.0",), shares="16x16 lava & water tiles.png"),
    Plan("Old Library Parts", "robot", ("png:luna;sol.fla_.1_0.png",), licences=("LGPL 2.1",), author="Old Bram", submitter="Wren Tallow"),
    Plan("New Library Parts", "robot", ("png:luna;sol.fla_.1_1.png",), licences=("LGPL 3.0",), author="Inkwell Foundry", submitter="mossbit"),
    Plan("Foundry Starships", "ship", ("sheet:SteamMachiNe [HiRes] +HD +particles.png",), author="Inkwell Foundry", licences=("CC-BY 3.0", "GPL 2.0", "GPL 3.0")),
    Plan("Bram's Sea Chest", "chest", ("pack-zip:asto's chests.zip",), author="Old Bram", licences=("CC-BY-SA 3.0", "GPL 3.0"), notice=NOTICE),
    Plan("Reef, counted twice", "fish", ("png:Peacock-Mantis-Shrimp_200%_0.png", "x2:reef 100%25.png"), licences=("CC0", "OGA-BY 3.0")),
    Plan("Mazes by Number", "rock", ("onebit:maze 16x16(#165447721).png", "png:maze 128x128(#165447721).png")),
    Plan("Green Robot + Enemy", "robot", ("gif:robot + enemy.gif", "png:Green Robot + Enemy Update - Original.png")),
    Plan("死神 Mask 16x18", "creature", ("png:死神_Mask_16x18_0.png",), slug="%E6%AD%BB%E7%A5%9E-mask-16x18", author="Łucja Żak"),
    Plan("Рисунок Фон", "vista", ("jpeg:Рисунок Фон 2.jpg", "png:Автомат.png"), licences=("CC0",)),
    Plan("QQ Screens", "house", ("png:QQ图片20150806173504.png", "png:キャラクターチップス公開用1_0.png")),
    Plan("Sunday Lunch", "mushroom", (f"png:{LONG_NAME}",), tags=("food", "Sunday & Monday", "top/down")),
    Plan("Gothic Collection", "house", ("pack-stored: gothicvania patreon collection.zip",), licences=("CC-BY 4.0",)),
    Plan("Old Man, Small", "creature", ("icon16:_small-Old Man.png", "icon8:_small-Old Man 8.png"), previews="none"),
    Plan("Outlined Circles", "buttons", ("pack-zip:GAME UI - SIMPLE OUTLINE [CIRCLES] .zip", "png:health bar (pictures) .png")),
    Plan("Strategy Figures", "ship", ("pack-zip:Toen's Medieval Strategy Sprite Pack v.1.0  (16x16).zip",)),
    Plan("Knight & Dragon", "sword", ("pack-cp437:Knight & Dragon Free Updated With Title_0.zip", "sheet:knight & dragon.png"), collaborators=("Kettlefish", "Łucja Żak")),
    Plan("Block Studies", "meadow", ("png:2015-02-17 [Blocks] (20 Textures)(9x2 Color Schemes).png",)),
    Plan("Prison Console", "robot", ("png:!$Computer-Console-011-Prison-Console_2.png", "grey16:{52546311-6BFF-432B-B0E9-AC73AA107A50}.png")),
    Plan("Sci-fi Layers", "vista", ("pack-tar:sciFi_layers[large].tar.gz", "pack-tar:asto's layers.tar.gz")),
    Plan("Poxel Figures", "gem", ("png:Animacion poxelart 1 (25).PNG", "bmp:B1 Thebel = WIP_0.BMP")),
    Plan("Grassland **With Slopes**", "meadow", ("pack-zip:Grassland Platformer Art **With Slopes**_1.zip",)),
    Plan("Swords of One Smith", "sword", ("png:sword.png", "recolour:sword_red.png", "recolour:sword_green.png", "x2:sword_x2.png", "x4:sword_x4.png")),
    Plan("Walking Imps", "creature", ("frames-zip:imp_walk.zip", "gif:imp.gif", "sheet:imps.png"), licences=("CC0",)),
    Plan("Renamed Archive", "shield", ("pack-zip:shields.rar",), licences=("GPL 2.0",)),
    Plan("Vector Flowers", "flower", ("svg:flowers.svg", "png:flowers.png")),
    Plan("Smoke and Ash", "relief", ("greyalpha:smoke.png", "greyalpha:ash.png", "grey16:ash_height.png")),
    Plan("The Withheld Wood", "tree", ("png:withheld_wood.png",), withheld=True, previews="own", licences=("CC-BY 3.0",)),
    Plan("Also Withheld", "pine", ("png:also_withheld.png", "pack-zip:also_withheld.zip"), withheld=True, previews="none"),
    Plan("Low-poly Orchard", "solid", ("model-zip:orchard.zip",), art_types=("3D Art", "2D Art")),
    Plan("Waltz for a Clock", "tune", ("ogg:Title - 8:31:14, 11.01 PM.ogg",), previews="none", licences=("CC-BY 4.0",)),
    Plan("Talked About", "planet", ("png:planet.png",), previews="own", attachment="archive/screenshot.png"),
    Plan("One Name, One File", "planet", ("png:rings.png",), attachment="my planet game (2).png", shares="planet.png"),
    Plan("Walls — twenty × twenty", "rock", ("png:walls 20×20.png", "jpeg:walls.jpg"), slug="walls-%E2%80%94-twenty-%C3%97-twenty"),
)  # fmt: skip

FAULT_PLANS = (
    Plan("Fault: missing file", "gem", ("png:fault-missing.png", "png:fault-missing-good.png"), file_fault="missing"),
    Plan("Fault: forbidden file", "gem", ("png:fault-forbidden.png", "png:fault-forbidden-good.png"), file_fault="forbidden"),
    Plan("Fault: flaky file", "gem", ("png:fault-flaky.png",), file_fault="flaky"),
    Plan("Fault: truncated file", "vista", ("png:fault-truncated.png", "png:fault-truncated-good.png"), file_fault="truncated"),
    Plan("Fault: wrong length", "gem", ("png:fault-length.png",), file_fault="wrong-length", claimed_bytes=999_999),
    Plan("Fault: html instead of zip", "gem", ("html:fault-html.zip", "png:fault-html-good.png"), file_fault="html", claimed_bytes=48_123),
    Plan("Fault: broken zip", "gem", ("broken-zip:fault-broken.zip", "png:fault-broken-good.png"), file_fault="broken"),
    Plan("Fault: flipped zip", "gem", ("flipped-zip:fault-flipped.zip", "png:fault-flipped-good.png"), file_fault="broken"),
    Plan("Fault: undecodable picture", "gem", ("noise:fault-noise.png", "png:fault-noise-good.png"), file_fault="broken"),
    Plan("Fault: cut picture", "vista", ("cut:fault-cut.png", "png:fault-cut-good.png"), file_fault="broken"),
    Plan("Fault: bad crc", "gem", ("bad-crc-zip:fault-crc.zip",), file_fault="broken"),
    Plan("Fault: evil names", "gem", ("evil-zip:fault-evil.zip",), file_fault="evil"),
    Plan("Fault: slow file", "gem", ("png:fault-slow.png",), file_fault="slow"),
    Plan("Fault: redirected file", "gem", ("png:fault-redirected.png",), file_fault="redirect"),
    Plan("Fault: page unrecognised", "gem", ("png:fault-unrecognised.png",), fault="unrecognised"),
    Plan("Fault: page missing", "gem", ("png:fault-page-missing.png",), fault="missing"),
    Plan("Fault: page error", "gem", ("png:fault-page-error.png",), fault="error"),
)  # fmt: skip

MORE_FAULT_PLANS = (
    Plan("Fault: gone file", "gem", ("png:fault-gone.png", "png:fault-gone-good.png"), file_fault="gone"),
    Plan("Fault: gone page", "gem", ("png:fault-gone-page.png",), fault="gone"),
    Plan("Fault: busy file", "gem", ("png:fault-busy.png",), file_fault="busy"),
    Plan("Fault: busy page", "gem", ("png:fault-busy-page.png",), fault="busy"),
    Plan("Fault: unavailable file", "gem", ("png:fault-unavailable.png",), file_fault="unavailable"),
    Plan("Fault: unavailable page", "gem", ("png:fault-unavailable-page.png",), fault="unavailable"),
    Plan("Fault: foreign file", "gem", ("png:fault-foreign.png", "png:fault-foreign-good.png"), file_fault="foreign"),
    Plan("Fault: loop file", "gem", ("png:fault-loop.png", "png:fault-loop-good.png"), file_fault="loop"),
    Plan("Fault: loop page", "gem", ("png:fault-loop-page.png",), fault="loop"),
    Plan("Fault: reset file", "gem", ("static:fault-reset.png", "png:fault-reset-good.png"), file_fault="reset"),
    Plan("Fault: cut-off file", "gem", ("static:fault-cut-off.png",), previews="own", file_fault="cut-off"),
    Plan("Fault: endless file", "gem", ("png:fault-endless.png", "png:fault-endless-good.png"), file_fault="endless"),
    Plan("Fault: oversized file", "gem", ("padded:fault-oversized.png", "png:fault-oversized-good.png"), file_fault="oversized", claimed_bytes=2_048),
    Plan("Fault: broken markup", "gem", ("png:fault-markup.png", "png:fault markup <2>.png"), tags=("a < b", "8 & 16"), notice=NOTICE, previews="own", fault="markup"),
    Plan("Fault: challenge page", "gem", ("png:fault-challenge.png",), previews="own", fault="challenge"),
    Plan("Fault: challenge page 503", "gem", ("png:fault-challenge-503.png",), previews="own", fault="challenge-503"),
    Plan("Fault: endless error", "gem", ("png:fault-endless-error.png", "png:fault-endless-error-good.png"), file_fault="endless-error"),
    Plan("Fault: endless page", "gem", ("png:fault-endless-page.png",), fault="endless"),
    Plan("Fault: bomb page", "gem", ("png:fault-bomb-page.png",), fault="bomb"),
    Plan("Fault: odd links", "gem", ("png:fault odd links.png",), fault="odd-links"),
)  # fmt: skip
