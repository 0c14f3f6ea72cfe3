"""Names out of archives that do not say how they are written."""
# ruff: noqa: RUF001 - letters of many alphabets look alike

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log2

SAMPLE_BYTES = 1 << 12
"""Enough of the names to know the code page by: looking for it takes some microseconds for each byte."""

_WESTERN = "éèäüöàçóáíêñãßåúôõâæøùîûëœïìòÿ’–…©®°²³×ªº¡¿«»“”·½€£"
_CENTRAL = "łężąśćńźóčšřžěíéáýůúťőďňűüöäßô’–…©®°²×"
_CYRILLIC = "оеаинтсрвлкмдпугяызбйьчхжцшюэщфёъіїєґ№–«»"
_JAPANESE = (
    "ーンスルトラクイリドシレアタジロキカテプマグッコフャムバチィョメサビエニブパュオデウナダボハミベネセモノズポゴザソツガェワゲケピヒ"
    "ァホギペゼヘゾゥヨヤヌユォヅヴのいりしきたかんるなまっうとにらおくちはをがさてれつじすけこあせもどよみめだえやでひわばそほげふごむ"
    "べびへゆねろぎずぐぶざづょゅゃぬ人大木小物画像素材主公敵背景字地面魔法剣女男子王者水火石森山空城家町村道具器武防戦士歩走攻撃動立絵"
    "宝箱草花海岩土風雷氷光闇黒白赤青緑黄色金銀銅中上下左右前後正夜朝夕部屋室床壁天井扉門橋船車音楽効果爆発回復薬体顔目手足頭服髪鳥犬"
    "猫竜獣虫魚龍勇騎兵弓矢盾鎧兜杖鍵本紙文枠用改新旧版一二三四五六七八九十全日月星明暗長短高低通常待機死消失成功戻開閉選択決定闘場"
    "洞窟塔神殿、。「」（）【】・～\u3000"
)
_SIMPLIFIED_ONLY = "图动画战师灵树头币宝剑药龙鸟马猫鱼骑开结标题体乐红绿蓝黄电风门墙车旧资戏场庄伤块阳值数这个们、。（）【】《》·—\u3000"
_TRADITIONAL_ONLY = "圖動畫戰師靈樹頭幣寶劍藥龍鳥馬貓魚騎開結標題體樂紅綠藍黃電風門牆車舊資戲場莊傷塊陽值數這個們、。（）【】《》‧—\u3000"
_CHINESE = (
    "的人大小地怪物角色背景主行走攻士法精木草石水火土金箱道具武器刀弓盾房子屋城堡山森林花海天空雲狗女男孩王者魔鬼兵面按始束文字素材音"
    "效果特技能上下左右前后白黑光冰雷路窗床桌椅船一二三四五六七八九十新版本源游景村洞穴塔日夜中高低死亡站立跑跳受待平台格瓦沙漠雪岩焰"
    "爆炸星月生命力框底板母像副用加不是有我你他"
)
_KOREAN = (
    "이다에의는로하을가고지서한은기으년대사시를리도인스일아자나라어정보주소전부상동무성마물수장공트드그게비배경터화원구모조용해오우미유교면선"
    "제적진신방국여작치체계위실발관명세본중크르레프타파포버튼몬캐릭격석문불꽃집돌검칼활창옷초산강바람길숲밭땅풀걷뛰앞뒤래왼른쪽효과음악템킬션"
    "즈임블록벽월글추차호박새개말곰왕녀남"
)


@dataclass(frozen=True, slots=True, eq=False)
class _CodePage:
    name: str
    usual: str
    """The letters and signs of the languages that are written in it, the most frequent first."""
    bits: int
    """How unusual it is, as all such numbers here: so many times halved is the part that goes by it."""
    accent_bits: int = 0
    """How unusual those letters are beside those of ASCII."""
    common: range = range(0)
    """First bytes of other letters that are taught at schools, where a letter is two bytes."""


_CODE_PAGES = (
    _CodePage("cp437", _WESTERN, 0, 2),
    _CodePage("cp850", _WESTERN, 0, 2),
    _CodePage("cp1252", _WESTERN, 1, 2),
    _CodePage("cp852", _CENTRAL, 3, 2),
    _CodePage("cp1250", _CENTRAL, 3, 2),
    _CodePage("cp866", _CYRILLIC, 3),
    _CodePage("cp1251", _CYRILLIC, 3),
    _CodePage("cp932", _JAPANESE, 3, common=range(0x88, 0x98)),
    _CodePage("gbk", _SIMPLIFIED_ONLY + _CHINESE, 4, common=range(0xB0, 0xD8)),
    _CodePage("big5", _TRADITIONAL_ONLY + _CHINESE, 6, common=range(0xA4, 0xC7)),
    _CodePage("cp949", _KOREAN, 6, common=range(0xB0, 0xC9)),
)
"""Those of DOS and Windows where OpenGameArt's artists live, in the order in which a draw is decided."""


def spelled(names: Sequence[bytes]) -> list[str]:
    """Return *names*, of one archive, as text.

    Each that is UTF-8 is read so, and the others in the one code page in which,
    taken together, they look most like names: a guess, and the better the more
    they are. tests/unit/test_spelling.py says how often it is right.
    """
    unknown = [name for name in names if not _is_utf8(name)]
    page = _page_of(unknown) if unknown else None
    return [_decoded(name, page) for name in names]


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _page_of(names: Sequence[bytes]) -> _CodePage:
    sample = names[0][:SAMPLE_BYTES]
    for name in names[1:]:
        # Only whole names: half a letter would tell against the right code page.
        if len(sample) + len(name) < SAMPLE_BYTES:
            sample += b"\n" + name
    return min(_CODE_PAGES, key=lambda page: page.bits + _bits(_by(page, sample), page))


def _by(page: _CodePage, name: bytes) -> str:
    return name.decode(page.name, errors="replace")


def _decoded(name: bytes, page: _CodePage | None) -> str:
    if page and not _is_utf8(name):
        return _by(page, name)
    text = name.decode()
    if page and 0 < len(name) - len(text) < 4:
        # Two or three letters of the code page may happen to be UTF-8 as well.
        return min(text, _by(page, name), key=lambda text: _bits(text, page))
    return text


def _bits(text: str, page: _CodePage) -> float:
    """Return how unusual *text* is, were it written in *page*: the sum over its letters that are not ASCII."""
    total = 0.0
    for before, letter in pairwise(f" {text}"):
        if letter.isascii() and before.isascii():
            continue
        if not letter.isascii():
            total += _letter_bits(letter, page)
            # It follows vowels only, but is where Windows has an a with an accent.
            total += 8 * (letter == "ß" and before.lower() not in "aeiouyäöü")
        if before.isalpha() and letter.isalpha():
            total += _neighbour_bits(before, letter)
    return total


def _neighbour_bits(before: str, letter: str) -> int:
    """Return how unusual it is that *letter* follows *before* in a word."""
    is_cased = before.islower() or letter.islower()
    if _script(before) != _script(letter):
        # Letters and Japanese go together, as in names of variants, but hardly small ones.
        return 10 if is_cased else 4
    return 6 * (before.islower() and letter.isupper())


@lru_cache(1 << 12)
def _letter_bits(letter: str, page: _CodePage) -> float:
    """Return how unusual a letter is: by Zipf's law if it is a usual one."""
    capital = 2 * letter.isupper()
    rank = page.usual.find(letter.lower())
    if rank >= 0:
        return 2 + log2(rank + 2) + capital + page.accent_bits
    return 13 if letter.encode(page.name, errors="replace")[0] in page.common else 17 + capital


@lru_cache(1 << 12)
def _script(letter: str) -> str:
    """Return which alphabet a letter belongs to; nothing for those of the East, which are mixed."""
    script = unicodedata.name(letter, "").partition(" ")[0]
    return script if script in {"LATIN", "CYRILLIC", "GREEK"} else ""
