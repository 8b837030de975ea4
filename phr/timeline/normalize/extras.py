"""What stands at a path in words, and what some types say beyond the table: amounts, answers, a member number."""

from typing import Any

from phr.timeline.normalize import codes, names, read, values
from phr.timeline.normalize.draft import joined

_MOST_ANSWERS = 40


def said(resource: read.Json, path: str, *, most: int = 6) -> str:
    """What stands at a dotted path, in words: a concept, a text, an amount, a name, or several with commas."""
    head, _, rest = path.partition(".")
    found: Any = resource.get(head)
    if found is None:
        return ""
    items = found[: read.MOST_ENTRIES] if isinstance(found, list) else [found]
    if rest:
        inner = dict.fromkeys(
            w for item in items if isinstance(item, dict) and (w := said(item, rest, most=most))
        )
        return ", ".join(list(inner)[:most])
    spoken = dict.fromkeys(w for item in items if (w := _word(item)))
    return ", ".join(list(spoken)[:most])


def _word(item: Any) -> str:
    if not isinstance(item, dict):
        return read.string(item)
    if "display" in item and "code" not in item:
        return read.text(item, "display")
    if "value" in item and "coding" not in item:
        return values.quantity_text(item)
    if "concept" in item or "reference" in item:
        return codes.words(item.get("concept"))
    return codes.words(item) or names.human_name(item)


def claim(resource: read.Json) -> dict[str, str]:
    totals = [
        joined(codes.words(each.get("category")), values.quantity_text(read.obj(each, "amount")), by=": ")
        for each in read.objs(resource, "total")
        if "amount" in each
    ]
    return {
        "total": "; ".join(filter(None, totals)) or values.quantity_text(resource.get("total")),
        "paid": values.quantity_text(read.obj(resource, "payment").get("amount")),
        "services": said(resource, "item.productOrService") or said(resource, "item.service"),
        "diagnoses": said(resource, "diagnosis.diagnosisCodeableConcept"),
    }


def answers(resource: read.Json) -> dict[str, str]:
    """The answers of a questionnaire, question by question, nested groups included."""
    lines: list[str] = []
    open_items = list(reversed(read.objs(resource, "item") or read.objs(resource, "group")))
    while open_items and len(lines) < _MOST_ANSWERS:
        item = open_items.pop()
        given = [_answer(each) for each in read.objs(item, "answer")]
        if any(given):
            question = read.text(item, "text") or read.text(item, "linkId")
            lines.append(f"{question}: {', '.join(filter(None, given))}")
        open_items += reversed(read.objs(item, "item") + read.objs(item, "question"))
    return {"answers": "\n".join(lines)}


def _answer(each: read.Json) -> str:
    found = values.choice(each)
    if isinstance(found, str) or found is None:
        return found or ""
    return f"{found.comparator}{found.value} {found.unit}".strip()


def relative(resource: read.Json) -> dict[str, str]:
    lines = [
        joined(codes.words(each.get("code")), values.span_text(each, "onset"), by=", ")
        for each in read.objs(resource, "condition")
    ]
    return {"conditions": "; ".join(filter(None, lines)), "deceased": values.span_text(resource, "deceased")}


def member(resource: read.Json) -> dict[str, str]:
    payors = [names.plain(read.text(each, "display")) for each in read.objs(resource, "payor")]
    number = read.text(resource, "subscriberId") or read.text(resource, "identifier", "value")
    return {"member_number": number, "payer": next(filter(None, payors), "")}
