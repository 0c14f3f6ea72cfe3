"""A question and its address: one form, encoded once, and nonsense told."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from artstore.errors import UsageError
from search.web.questions import MOST_PICTURES, MOST_START, Example, Question

TOKEN = "0123456789abcdef" * 2

TEXT = st.text(max_size=40).map(lambda text: text.replace("\0", " ").strip())

SIZES = st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4))

EXAMPLES = st.builds(
    Example,
    st.integers(0, 10**12),
    weight=st.integers(1, 10_000).map(lambda hundredths: hundredths / 100),
    box=st.none() | st.tuples(*[st.integers(1, 9999)] * 4),
) | st.builds(Example, token=st.just(TOKEN), weight=st.sampled_from([1.0, 0.5, 2.0]))


def asked(query: str) -> Question:
    return Question.parse(QueryParams(query))


@settings(deadline=None)
@given(
    words=TEXT,
    like=st.lists(EXAMPLES, min_size=1, max_size=4).map(tuple),
    unlike=st.lists(EXAMPLES, max_size=4).map(tuple),
    tags=st.lists(TEXT.filter(bool), max_size=4, unique=True).map(tuple),
    author=TEXT,
    work=TEXT,
    min_size=SIZES,
    expand=st.booleans(),
    start=st.integers(0, MOST_START),
    count=st.integers(1, 100),
)
def test_what_an_address_says_is_what_was_asked(**facts: object) -> None:
    question = Question(**facts)  # type: ignore[arg-type]
    assert asked(question.query()) == question
    assert asked(question.query()).query() == question.query()
    assert parse_qsl(question.query(), strict_parsing=True) == question.pairs()


def test_a_name_is_encoded_once() -> None:
    name = "50%25 off & <b>ä+b</b> #1.png"
    query = Question(words=name).query()
    assert query == "q=50%2525%20off%20%26%20%3Cb%3E%C3%A4%2Bb%3C%2Fb%3E%20%231.png"
    assert asked(query).words == name


def test_pictures_have_weights_and_regions() -> None:
    question = asked(f"like=12*2~0,0,16,16&like=@{TOKEN}&unlike=7*.5")
    assert question.like == (Example(12, weight=2.0, box=(0, 0, 16, 16)), Example(token=TOKEN))
    assert question.unlike == (Example(7, weight=0.5),)
    assert question.query() == f"like=12*2~0%2C0%2C16%2C16&like=@{TOKEN}&unlike=7*0.5".replace("%2C", ",")


def test_what_a_form_leaves_empty_is_not_asked() -> None:
    assert asked("q=&author=&min=&like=&start=&utm_source=news").empty


def test_words_alone_filters_alone_and_nothing_are_told_apart() -> None:
    assert not asked("q=sword").empty
    assert not asked("licence=cc0").empty
    assert asked("start=48").empty
    assert not asked("like=3").empty


def test_changes_make_another_question() -> None:
    question = asked("q=sword&start=48&tag=a")
    assert question.query(start=0, tags=("a", "b")) == "q=sword&tag=a&tag=b"
    assert question.start == 48


@pytest.mark.parametrize(
    "query",
    [
        "like=sword.png",
        "like=../../etc/passwd",
        "like=@short",
        "like=12*0",
        "like=12*1000",
        "like=12~1,2,3",
        "like=12~1,2,0,4",
        "like=12~1,2,99999999,4",
        "like=" + "9" * 30,
        "unlike=3",
        "licence=mit",
        "kind=film",
        "min=big",
        "min=0",
        "min=64&max=32",
        "min=99999999999",
        "start=-1",
        "start=99999",
        "count=101",
        "count=0",
        "count=\u0661",
        "series_of=x",
        "q=" + "a" * 401,
        "&".join("like=1" for _ in range(MOST_PICTURES + 1)),
    ],
)
def test_nonsense_is_told(query: str) -> None:
    with pytest.raises(UsageError):
        asked(query)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["q", "like", "min", "max", "start", "tag", "kind", "work"]), TEXT))
def test_whatever_is_typed_is_a_question_or_is_told(values: dict[str, str]) -> None:
    try:
        question = asked(urlencode(values))
    except UsageError:
        return
    assert asked(question.query()) == question
