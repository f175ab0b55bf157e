"""A provider's paths read backwards: from what shall be read to answers in which it stands where the paths look.

Nothing is taken on trust: what was written is read again by the very path, and counts only where the fact comes out
and every fact before it still does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote

from asgi_social.expressions import Path, _Alternative, _Condition, _Filter, _Hole, _Move, _read, _Route

Answers: TypeAlias = Mapping[str, object]
"""JSON by root, as the paths name them: ``token``, ``id``, ``userinfo``, and a request's id."""

_LAID_OVER = ("token", "id", "userinfo")
_WANTED = {"true": True, "not": False}
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class _Taken(Exception):
    """Something else stands there already."""


def with_facts(answers: Answers, facts: Iterable[tuple[Path, object]], *, base: str) -> Answers:
    """Give answers from which the facts are read; one that finds no place is left out.

    Args:
        answers: What stands there already.
        facts: Path and value, the ones that matter most first.
        base: The root whose answer a path without one is written into.
    """
    kept: list[tuple[Path, object]] = []
    for path, value in facts:
        candidate = _told(answers, path.alternatives, value, base=base, made_up=False)
        if candidate is not None and all(one.read(merged(candidate)) == known for one, known in kept):
            answers = candidate
            kept.append((path, value))
    return answers


def with_something(answers: Answers, path: Path, value: str, *, base: str) -> Answers:
    """Give answers from which a path reads the value, or else one that is made of it and of what stands there.

    That is for a text of several parts, such as ``{hub_id}:{user_id}``, which the value is not made of.
    """
    for text in (value, _NOT_PLAIN.sub("", value)):  # the second where the path cuts at a mark that is in the first
        told = _told(answers, path.alternatives, text, base=base, made_up=True)
        if told is not None:
            return told
    for alternative in path.alternatives:
        for hole in alternative if isinstance(alternative, tuple) else ():
            within = () if isinstance(hole, str) else hole[0]
            if within and _read(within, merged(answers)) is None:
                told = _told(answers, within, _NOT_NAME.sub("-", value), base=base, made_up=True)
                answers = answers if told is None else told
        if path.read(merged(answers)) is not None:
            break
    return answers


def with_names(answers: Answers, root: str, names: Sequence[str], value: object) -> Answers:
    """Give answers in which something stands under these names of a root, whether by the value or from before."""
    try:
        return {**answers, root: _written(answers.get(root), tuple(names), value)}
    except _Taken:
        return answers


def enclosed(path: Path | None, inner: object) -> object:
    """Give the whole answer in which a path finds the inner one; without a path that is all."""
    told = None if path is None else _told({}, path.alternatives, inner, base="userinfo", made_up=False)
    return inner if told is None else told["answer" if "answer" in told else "userinfo"]


def united(one: object, other: object) -> object:
    """Give one answer that says what two say; where they differ, the first is right."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**other, **{name: united(value, other.get(name)) for name, value in one.items()}}
    return other if one is None else one


def merged(answers: Answers) -> dict[str, object]:
    """Give the answers with the merged one under ``""``, as the engine lays them over each other."""
    whole: dict[str, object] = {}
    for root in _LAID_OVER:
        answer = answers.get(root)
        whole |= answer if isinstance(answer, Mapping) else {}
    return {**answers, "": whole}


def _told(
    answers: Answers, alternatives: tuple[_Alternative, ...], value: object, *, base: str, made_up: bool
) -> Answers | None:
    """Give answers from which a path's alternatives read a value, or None.

    A name of which only a part is read, such as what stands before the @ of an address, is not made up for a fact: a
    person without an address would get one.
    """
    if _read(alternatives, merged(answers)) == value:
        return answers
    for alternative in alternatives:
        if isinstance(alternative, _Route):
            if not made_up and any(kind in {"before", "after"} for kind, _ in alternative.filters):
                continue
            candidate = _at(answers, alternative, value, base=base)
        else:
            candidate = _pieced(answers, alternative, str(value), base=base) if isinstance(alternative, tuple) else None
        if candidate is not None and _read(alternatives, merged(candidate)) == value:
            return candidate
    return None


def _at(answers: Answers, route: _Route, value: object, *, base: str) -> Answers | None:
    root = route.root or base
    try:
        return {**answers, root: _written(answers.get(root), route.moves, _unfiltered(value, route.filters))}
    except _Taken:
        return None


def _pieced(answers: Answers, parts: tuple[str | _Hole, ...], text: str, *, base: str) -> Answers | None:
    """Take a text apart at what stands between the holes, and write each piece where its hole looks."""
    pattern = "".join(re.escape(one) if isinstance(one, str) else "(.*?)" if one[1] else "(.+?)" for one in parts)
    found = re.fullmatch(pattern, text) or re.fullmatch(pattern, f"{text} ")  # the last name may be left out
    if found is None:
        return None
    told: Answers | None = answers
    for (alternatives, _), piece in zip(
        (one for one in parts if not isinstance(one, str)), found.groups(), strict=True
    ):
        if piece and told is not None:
            told = _told(told, alternatives, piece, base=base, made_up=False)
    return told


def _unfiltered(value: object, filters: tuple[_Filter, ...]) -> object:
    for kind, argument in reversed(filters):
        match kind:  # the others leave what they are read of as it is
            case "before" | "after":
                value = str(value).replace(argument, "")
            case "unquote":
                value = quote(str(value), safe="")
            case "bool":
                value = "true" if value else "false"
            case "localized":
                language = {"language": "en", "country": "US"}
                value = {"localized": {"en_US": value}, "preferredLocale": language}
    return value


def _written(value: object, moves: tuple[_Move, ...], leaf: object) -> object:
    """Give a value with the leaf where the moves lead; nothing that was there is changed."""
    if not moves:
        if value is not None and value != leaf:
            raise _Taken
        return leaf
    move, rest = moves[0], moves[1:]
    if isinstance(move, str) or move is None:
        members = _members(value)
        key = next(iter(members), "it") if move is None else move
        return {**members, key: _written(members.get(key), rest, leaf)}
    elements = _elements(value)
    if isinstance(move, int):
        elements += [{} for _ in range((-move if move < 0 else move + 1) - len(elements))]
        place = move % len(elements)
    else:
        place = _fitting(elements, move)
    elements[place] = _written(elements[place] or None, rest, leaf)
    return elements


def _members(value: object) -> dict[str, object]:
    if value is not None and not isinstance(value, Mapping):
        raise _Taken
    return {} if value is None else dict(value)


def _elements(value: object) -> list[object]:
    if value is not None and not isinstance(value, list):
        raise _Taken
    return [] if value is None else list(value)


def _fitting(elements: list[object], conditions: tuple[_Condition, ...]) -> int:
    """Give the place of an element that meets the conditions, made to meet them or added where there is none."""
    wanted = {name: [text] if kind == "contains" else _WANTED.get(kind, text) for kind, name, text in conditions}
    for place, one in enumerate(elements):
        if isinstance(one, Mapping) and all(one.get(name, value) == value for name, value in wanted.items()):
            elements[place] = {**one, **wanted}
            return place
    elements.append(wanted)
    return len(elements) - 1
