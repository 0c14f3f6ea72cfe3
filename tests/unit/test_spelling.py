"""Names that do not say how they are written: how often they are read as they were meant."""

from __future__ import annotations

import pytest

from artstore.archives.spelling import SAMPLE_BYTES, spelled

# Not one of these was looked at while the weights of spelling.py were chosen.
NAMES = {
    "German": "Löwe blauer_Käfer Flöte_spielt Gebäude/Schlösser Wüste Brücke_kaputt süß Schwert_geschärft Feuerbälle",
    "French": "chevalière mur_brisé personnage_blessé Forêt/chêne sorcière nuit_étoilée hache_légère bébé_dragon français",
    "Spanish": "murciélago puñal acción_salto colección pájaro Jabalí señal Música/batalla_épica león",
    "Portuguese": "cão vilão_atirando Animações/pulo caminhão água relâmpago chapéu gramado_verão lança",
    "Italian": "oscurità_2 è_finita gioventù ragazzo_così bontà già_visto tribù novità però",
    "Swedish": "gräsmatta riddare_går blåbär öde_ö skägg dörr_öppen måsar vägg Människa",
    "Polish": "łódka_rybacka zamek_północ ciężarówka pieniądze duży_kamień księżyc młot_żelazny świnia Ślimak",
    "Czech": "čarodějnice prase_běží žlutá_květina dveře sněhulák řeka louka_večer Kouř přilba",
    "Russian": "медведь Ящик дверь_закрытая орк Анимация/прыжок пещера_фон небо Игрок яблоко_красное",
    "Japanese": "騎士 アイテム一覧 ゴブリン_攻撃 ボタン 雲 モンスター/こうもり 岩場タイル 夕焼け 女戦士",
    "Chinese": "骑士 苹果_红色 界面/菜单 小鸟 蝙蝠_飞行 爆炸特效 云朵 沙滩背景 敌人",
    "Taiwanese": "騎士 蘋果_紅色 介面/選單 小鳥 蝙蝠_飛行 爆炸特效 雲朵 沙灘背景 敵人",
    "Korean": "고양이 사과_빨강 메뉴/창 폭발효과 구름 박쥐_날기 바다배경 적 검사",
}
"""117 of them; those of one language are of one archive."""

CODE_PAGES = {
    "Portuguese": ["cp850", "cp1252"],
    "Polish": ["cp852", "cp1250"],
    "Czech": ["cp852", "cp1250"],
    "Russian": ["cp866", "cp1251"],
    "Japanese": ["cp932"],
    "Chinese": ["gbk"],
    "Taiwanese": ["big5"],
    "Korean": ["cp949"],
}
WESTERN = ["cp437", "cp850", "cp1252"]

MOST_USED = ["German", "French", "Spanish", "Portuguese", "Russian", "Japanese", "Chinese"]


def share_read_right(languages: list[str], together: int) -> float:
    """Of all archives of so many names, each in each of its code pages."""
    right: list[bool] = []
    for language in languages:
        names = [f"{name}.png" for name in NAMES[language].split()]
        archives = [(names * 2)[start : start + together] for start in range(len(names))]
        for page in CODE_PAGES.get(language, WESTERN):
            right += [spelled([name.encode(page) for name in archive]) == archive for archive in archives]
    return sum(right) / len(right)


@pytest.mark.parametrize(("together", "at_least"), [(1, 0.90), (3, 0.97), (9, 1.0)])
def test_names_are_read_as_they_were_meant_the_more_often_the_more_there_are(
    together: int, at_least: float
) -> None:
    assert share_read_right(list(NAMES), together) >= at_least


@pytest.mark.parametrize(("together", "at_least"), [(1, 0.97), (3, 1.0)])
def test_names_in_the_languages_of_most_artists_are_hardly_ever_misread(
    together: int, at_least: float
) -> None:
    assert share_read_right(MOST_USED, together) >= at_least


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("Übung.png", "cp437"),
        ("Übung.png", "cp850"),
        ("épée.png", "cp850"),
        ("épée.png", "cp1252"),
        ("château.png", "cp850"),
        ("ícone_ação.png", "cp850"),
        ("niño.png", "cp850"),
        ("mágica.png", "cp1252"),
        ("weiß.png", "cp850"),
        ("Спрайт.png", "cp1251"),
        ("Спрайт.png", "cp866"),
        ("剣.png", "cp932"),
        ("村人A.png", "cp932"),
        ("精灵/战士.png", "gbk"),
    ],
)
def test_one_name_alone_is_read_as_it_was_meant(name: str, page: str) -> None:
    assert spelled([name.encode(page)]) == [name]


def test_names_in_utf_8_stay_so_beside_one_that_is_not() -> None:
    names = ["Größe.png", "épée.png", "剣.png", "ñ.png", "plain.png"]
    assert spelled([*(name.encode() for name in names), "Ä.png".encode("cp437")]) == [*names, "Ä.png"]


def test_a_name_that_only_happens_to_be_utf_8_is_read_like_those_beside_it() -> None:
    names = ["石头.png", "精灵/战士.png", "草地.png"]
    assert names[0].encode("gbk").decode() != names[0]
    assert spelled([name.encode("gbk") for name in names]) == names


@pytest.mark.parametrize("shift", [0, 1])
def test_more_names_than_are_looked_at_cost_no_half_letter(shift: int) -> None:
    names = ["画" + "a" * shift + ".png", *(f"歩行アニメ/主人公_{number:05}.png" for number in range(400))]
    assert sum(len(name.encode("cp932")) for name in names) > 2 * SAMPLE_BYTES
    assert spelled([name.encode("cp932") for name in names]) == names


def test_one_name_cut_in_a_letter_costs_only_that_letter() -> None:
    names = ["敵キャラ/スライム.png", "敵キャラ/ドラゴン.png"]
    assert spelled([*(name.encode("cp932") for name in names), "敵キャラ".encode("cp932")[:-1]]) == [
        *names,
        "敵キャ�",
    ]


def test_bytes_that_are_no_language_still_give_a_name() -> None:
    assert len(spelled([bytes(range(128, 256)), b"\xff"])) == 2
    assert spelled([]) == []
