"""/review: one answer at a time, judged by keyboard, finger or a plain form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from calibrant.assembly.keys import Role
from calibrant.errors import BadRequest
from calibrant.reviewing.desk import SKIPS
from calibrant.reviewing.items import Item
from calibrant.reviewing.submitting import Submitted

from .asked import asked
from .fields import called, table_of
from .shell import HEADERS, Place, Shell, Visitor
from .texts import blocks, parts

__all__ = ["reviewing"]

PART = "x-calibrant-part"
"""The header by which the script asks for what changes of the page, and not for all of it."""

TOLD = "calibrant_told"
"""The cookie that says, on the page after a form was sent, what became of it."""

VERDICTS = {1.0: "right", 0.5: "partly right", 0.0: "wrong"}

REVIEWERS: tuple[Role, ...] = ("reviewer",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What became of the last thing that was done, in a sentence.

    `undo` is the item that can be opened again until `until`; `later` is said only then, so that it changes no verdict.
    """

    text: str
    undo: str = ""
    until: float = 0.0
    later: str = ""


NOTHING = Told(text="")


def reviewing(shell: Shell) -> list[Route]:
    """The pages on which people judge."""
    page = _Review(shell)
    shell.places.append(Place(path="/review", label="Review", roles=REVIEWERS, waiting=page.waiting))
    return [
        shell.route("/review", page.show, roles=REVIEWERS),
        shell.route("/review", page.act, ["POST"], roles=REVIEWERS),
        shell.route("/review/skip", page.skipping, roles=REVIEWERS),
        shell.route("/review/waiting", page.count, roles=REVIEWERS),
    ]


class _Review:
    def __init__(self, shell: Shell) -> None:
        self._shell, self._desk = shell, shell.context.desk
        self._deeds: Mapping[str, Callable[[Request, Visitor], Awaitable[Response]]] = {
            "submit": self._submit, "show": self._reveal, "cannot": self._reveal, "undo": self._undo,
            "skip": self._skip, "take": self._take, "renew": self._renew, "next": self._onward,
        }  # fmt: skip

    def waiting(self) -> int:
        """How many answers wait for somebody."""
        return self._desk.overview().open

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """The item that this browser has, else the next; by its id one of those that this reviewer has."""
        told = await self._told(request)
        id = request.query_params.get("item")
        if id is None:
            return await self._next(request, visitor, told)
        try:
            item = await asyncio.to_thread(self._desk.item, visitor.who, id)
        except BadRequest as error:
            return await self._stopped(request, visitor, error, id)
        return await self._item(request, visitor, item, told)

    async def act(self, request: Request, visitor: Visitor) -> Response:
        """Whatever a form of the page does."""
        deed = self._deeds.get(visitor.form.get("do", ""))
        if deed is None:
            raise BadRequest(f"Expected do among {', '.join(self._deeds)}.", "do")
        try:
            await asyncio.to_thread(self._check, visitor)
            return await deed(request, visitor)
        except BadRequest as error:
            return await self._stopped(request, visitor, error, visitor.form.get("item", ""))

    async def skipping(self, request: Request, visitor: Visitor) -> Response:
        """The reasons for which an item may be skipped, where no script shows them."""
        id = request.query_params.get("item", "")
        return await self._shell.page(visitor, "review_skip", item_id=id, skips=SKIPS, here="/review")

    async def count(self, _: Request, __: Visitor) -> Response:
        """How many wait, for a page on which nothing does; to look takes nothing."""
        over = await asyncio.to_thread(self._desk.overview)
        body = json.dumps({"waiting": max(0, over.open - over.leased)})
        return Response(body, headers=HEADERS, media_type="application/json")

    def _check(self, visitor: Visitor) -> None:
        """A reviewer of some tasks judges no other; raises `BadRequest`."""
        if visitor.key.tasks and (id := visitor.form.get("item")):
            task = self._desk.task(visitor.who, id)
            if task not in visitor.key.tasks:
                raise BadRequest("This item is of a task that is not this key's.", status=403)

    async def _submit(self, request: Request, visitor: Visitor) -> Response:
        form, grade = visitor.form, _grade(visitor.form.get("grade"))
        if grade is None:
            return await self._open_still(request, visitor)
        done = await asyncio.to_thread(
            self._desk.submit, visitor.who, form.get("item", ""), grade,
            None if grade == 1.0 else form.get("correction"), form.get("note"), form.get("own"),
        )  # fmt: skip
        if done.late:
            return await self._late(request, visitor, done)
        return await self._next(request, visitor, self._saved(done, form), again=True)

    async def _open_still(self, request: Request, visitor: Visitor) -> Response:
        item = await asyncio.to_thread(self._desk.item, visitor.who, visitor.form.get("item", ""))
        told = Told(text="Nothing stored: choose right, partly or wrong first.")
        return await self._item(request, visitor, item, told, 400)

    async def _reveal(self, request: Request, visitor: Visitor) -> Response:
        """The answer of a blind item, after the reviewer's own, or after "I could not say"."""
        own = visitor.form.get("own", "") if visitor.form["do"] == "show" else None
        if own is not None and not own.strip():
            item = await asyncio.to_thread(self._desk.item, visitor.who, visitor.form.get("item", ""))
            told = Told(text="Write a line first, or say that you could not say.")
            return await self._item(request, visitor, item, told, 400)
        item = await asyncio.to_thread(self._desk.show, visitor.who, visitor.form.get("item", ""), own)
        return await self._item(request, visitor, item, NOTHING, again=True)

    async def _undo(self, request: Request, visitor: Visitor) -> Response:
        try:
            item = await asyncio.to_thread(self._desk.undo, visitor.who, visitor.form.get("item", ""))
        except BadRequest as error:
            if error.code != "too_late":
                raise
            return await self._next(request, visitor, Told(text=str(error)), again=True)
        told = Told(text="Undone. The verdict is open again.")
        if item is None:
            return await self._next(request, visitor, told, again=True)
        return await self._item(request, visitor, item, told, again=True)

    async def _skip(self, request: Request, visitor: Visitor) -> Response:
        form = visitor.form
        await asyncio.to_thread(self._desk.skip, visitor.who, form.get("item", ""), form.get("reason", ""))
        return await self._next(request, visitor, Told(text="Skipped, with the reason."), again=True)

    async def _take(self, request: Request, visitor: Visitor) -> Response:
        item = await asyncio.to_thread(self._desk.renew, visitor.who, visitor.form.get("item", ""))
        return await self._item(request, visitor, item, NOTHING, again=True)

    async def _renew(self, _: Request, visitor: Visitor) -> Response:
        item = await asyncio.to_thread(self._desk.renew, visitor.who, visitor.form.get("item", ""))
        body = json.dumps({"until": item.until})
        return Response(body, headers=HEADERS, media_type="application/json")

    async def _onward(self, request: Request, visitor: Visitor) -> Response:
        return await self._next(request, visitor, NOTHING, again=True)

    async def _next(self, request: Request, visitor: Visitor, told: Told, *, again: bool = False) -> Response:
        if again and PART not in request.headers:
            return await self._redirect("/review", told)
        item = await asyncio.to_thread(self._desk.next, visitor.who, visitor.key.tasks, at=visitor.session.id)
        if item is not None:
            return await self._item(request, visitor, item, told)
        return await self._page(
            request, visitor, "empty", told, **await asyncio.to_thread(self._readers, visitor)
        )

    async def _item(
        self, request: Request, visitor: Visitor, item: Item, told: Told, status: int = 200, *, again: bool = False
    ) -> Response:  # fmt: skip
        if again and PART not in request.headers:
            return await self._redirect(f"/review?item={quote(item.id, safe='')}", told)
        now = self._shell.context.clock()
        view = await asyncio.to_thread(_view, item, now)
        return await self._page(request, visitor, "item", told, status, **view)

    async def _late(self, request: Request, visitor: Visitor, done: Submitted) -> Response:
        first = done.earlier[0].judge if done.earlier else ""
        word = _word(done.grade)
        return await self._page(request, visitor, "late", NOTHING, first=first, verdict=word)

    async def _stopped(self, request: Request, visitor: Visitor, error: BadRequest, item_id: str) -> Response:
        """Something came between: what, and how to go on."""
        if "application/json" in request.headers.get("accept", ""):
            raise error
        again = error.code == "lease_lost" and visitor.form.get("do") != "take"
        values = {"why": str(error), "item_id": item_id, "again": again}
        return await self._page(request, visitor, "stopped", NOTHING, error.status, **values)

    async def _page(
        self, request: Request, visitor: Visitor, state: str, told: Told, status: int = 200, **values: Any
    ) -> Response:  # fmt: skip
        over = await asyncio.to_thread(self._desk.overview)
        now = self._shell.context.clock()
        base = {
            "state": state, "told": told, "here": "/review", "skips": SKIPS, "now": now, "over": over,
            "left": max(0, round(told.until - now)), "mine": over.done_today.get(visitor.who, 0),
            "done": sum(over.done_today.values()) + over.undoable, "oldest": age(over.ages[0]) if over.ages else "",
        }  # fmt: skip
        template = "review_main" if PART in request.headers else "review"
        response = await self._shell.page(visitor, template, status, **base, **values)
        if TOLD in request.cookies:
            response.delete_cookie(TOLD, path="/review")
        return response

    async def _redirect(self, to: str, told: Told) -> Response:
        """To a page that can be loaded again without sending the form again."""
        response = RedirectResponse(to, 303, HEADERS)
        if told.text:
            sealed = (await self._shell.signing()).sealed("told", asdict(told))
            response.set_cookie(TOLD, sealed, max_age=60, httponly=True, samesite="strict", path="/review")
        return response

    async def _told(self, request: Request) -> Told:
        found = (await self._shell.signing()).opened("told", request.cookies.get(TOLD, ""))
        return NOTHING if found is None else Told(**found)

    def _readers(self, visitor: Visitor) -> dict[str, Any]:
        """How far reviewers agree, and what this one caught of what was known: told when nothing is left to judge."""
        from calibrant.reviewing.readers import readers_of  # takes SciPy, which no answer waits for

        readers = readers_of(self._shell.context.store)
        caught = next((one for one in readers.caught() if one.reviewer == visitor.who and one.wrong), None)
        agreement = readers.agreement()
        return {"agreement": agreement if agreement.ordinal is not None else None, "caught": caught}

    def _saved(self, done: Submitted, form: Mapping[str, str]) -> Told:
        """What the reviewer learns once the verdict is in: how sure calibrant had been."""
        said = [f"Saved: {_word(done.grade)}."]
        if done.confidence is not None and done.confidence.p is not None:
            book = self._shell.context.book(form.get("task") or None)
            said.append(f"calibrant had said: {book.phrase(done.confidence).text}.")
        else:
            said.append("calibrant had no probability for it.")
        others = [one for one in done.earlier if one.grade != done.grade]
        later = ""
        if others:
            theirs = _word(others[0].grade)
            later = f"You said {_word(done.grade)}, another reader said {theirs}. Both are kept."
        return Told(text=" ".join(said), undo=done.item_id, until=done.until, later=later)


def _view(item: Item, now: float) -> dict[str, Any]:
    """What the template of an item shows."""
    question = asked(item.question)
    given, answer = question.text, item.answer
    text = "" if answer is None else answer.text
    table = table_of(text, given)
    made = () if table is not None else blocks(text)
    return {
        "item": item, "asked": question, "blocks": made, "parts": parts(made), "table": table,
        "words": len(text.split()), "formed": any(one.kind != "text" for one in made),
        "calls": [called(one.name, one.arguments, given) for one in answer.tool_calls] if answer else [],
        "waits": age(now - item.time), "minutes": max(1, round((item.until - now) / 60)),
    }  # fmt: skip


def age(seconds: float) -> str:
    """A time span as people say it.

    >>> age(20), age(7800), age(3600), age(3 * 86400)
    ('1 min', '2 h 10 min', '1 h', '3 days')
    """
    minutes = max(1, round(seconds / 60))
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} days"
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest else "") if part)


def _grade(stated: str | None) -> float | None:
    """One of the three verdicts; None for no verdict."""
    try:
        grade = float(stated or "nan")
    except ValueError:
        return None
    return grade if grade in VERDICTS else None


def _word(grade: float) -> str:
    return VERDICTS.get(grade, f"{100 * grade:.0f} of 100 right")
