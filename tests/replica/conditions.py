"""What a visitor's headers make of a good answer: 304 for what it has, 206 for the part that it lacks, 416 beyond the end."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from tests.replica.answer import NOTHING, Answer

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import Message

ONE_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def conditioned(answer: Answer, headers: Message, method: str) -> Answer:
    """The answer that this visitor gets. What is not understood is passed over, as RFC 9110 has it."""
    if answer.status != 200:
        return answer
    if is_known(answer, headers):
        return Answer(304, answer.mime, NOTHING, answer.etag, answer.modified_at)
    wanted = headers.get("Range")
    if wanted and method == "GET" and answer.in_parts and is_same(answer, headers.get("If-Range")):
        return in_part(answer, wanted)
    return answer


def is_known(answer: Answer, headers: Message) -> bool:
    """Whether the visitor has this version already; a date counts only if no tag is sent."""
    tags = headers.get("If-None-Match")
    if tags is not None:
        held = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return bool(answer.etag) and bool(held & {answer.etag, "*"})
    since = moment(headers.get("If-Modified-Since"))
    return (
        since is not None
        and answer.modified_at is not None
        and answer.modified_at.replace(microsecond=0) <= since
    )


def is_same(answer: Answer, validator: str | None) -> bool:
    """Whether an `If-Range`, a strong tag or a date, means this version; without one every version will do."""
    if validator is None:
        return True
    if '"' in validator:
        return validator.strip() == answer.etag
    since = moment(validator)
    return (
        since is not None
        and answer.modified_at is not None
        and answer.modified_at.replace(microsecond=0) == since
    )


def moment(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def in_part(answer: Answer, wanted: str) -> Answer:
    """`bytes=N-`, `bytes=N-M` or `bytes=-N` of the body; all of it for several ranges and for nonsense."""
    form, length = ONE_RANGE.fullmatch(wanted.replace(" ", "")), answer.body.length
    if (
        not form
        or length is None
        or form[1] == form[2] == ""
        or (form[1] and form[2] and int(form[1]) > int(form[2]))
    ):
        return answer
    first, last = form[1], form[2]
    start = int(first) if first else max(0, length - int(last))
    stop = min(int(last) + 1, length) if first and last else length
    if start >= stop:
        return Answer(416, answer.mime, NOTHING, headers={"Content-Range": f"bytes */{length}"})
    shown = answer.headers | {"Content-Range": f"bytes {start}-{stop - 1}/{length}"}
    return replace(answer, status=206, headers=shown, part=(start, stop))
