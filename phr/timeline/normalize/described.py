"""Types whose line follows from a table: which fields name it, date it, end it and say who took part.

One row a type. What the table does not read stays in the resource, which every page shows.
"""

from typing import Any

from phr.timeline.events import UNDATED, Event, When
from phr.timeline.normalize import codes, dates, read
from phr.timeline.normalize.attachments import attachments
from phr.timeline.normalize.draft import Draft, joined, notes
from phr.timeline.normalize.extras import said
from phr.timeline.normalize.shapes import SHAPES, Shape


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One event as the table says."""
    shape, resource = SHAPES[draft.resource_type], draft.resource
    people = [draft.meet(name, _pointed(resource, name)) for name in shape.people]
    organization = next(
        filter(None, [draft.meet(name, resource.get(name)) for name in shape.organizations]), ""
    )
    for role, name in shape.pointers.items():
        draft.point(role, _pointed(resource, name))
    spoken = [said(resource, path, most=1) for path in shape.titles]
    title = read.title(*spoken, shape.fallback)
    status = codes.first_code(resource.get(shape.status))
    exclusion = shape.exclusions.get(status)
    more = shape.more(resource) if shape.more else {}
    attributes = {name: said(resource, path) for name, path in shape.attributes.items()} | more
    details = [w for path in shape.details if (w := said(resource, path)) and w != title]
    begin = dates.first(resource, *shape.dates) if shape.dates else UNDATED
    extra: dict[str, Any] = {"exclusion": exclusion} if exclusion else {}
    coded: tuple[Any, ...] = codes.all_codings(resource, *shape.coded)
    held = [read.obj(resource, "content")] if draft.resource_type in {"Media", "Communication"} else []
    return (
        draft.event(
            shape.kind,
            title=title,
            detail=joined(
                *details,
                *(more.get(name, "") for name in ("total", "conditions")),
                # An appointment names its people among its participants already.
                *(name for name in people[:1] if not any(name in detail for detail in details)),
                organization,
            ),
            when=begin,
            until=_until(resource, shape, begin),
            status=status,
            category=codes.first_code(resource.get("category")),
            codes=coded,
            text=spoken[0] if spoken else "",
            organization=organization,
            attachments=attachments([each for each in held if each], base_url=draft.base_url),
            attributes={"note": notes(resource), **attributes},
            **extra,
        ),
    )


def _until(resource: read.Json, shape: Shape, begin: When) -> When | None:
    found = dates.until(resource, *shape.untils) if shape.untils else None
    return None if found is not None and begin.start and found.start and found.start < begin.start else found


def _pointed(resource: read.Json, path: str) -> Any:
    head, _, rest = path.partition(".")
    found = resource.get(head)
    if not rest:
        return found
    return [each[rest] for each in read.objs(resource, head) if rest in each]
