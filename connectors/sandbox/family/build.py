"""The family, told from its first visit to a given day."""

from collections.abc import Mapping
from datetime import date
from typing import Final, Protocol

from connectors.sandbox.family import ingrid, kasimir, renee, tobias
from connectors.sandbox.family.chart import Chart, Ledger
from connectors.sandbox.family.directory import DESKS, PORTALS, enter
from connectors.sandbox.family.model import DemoAccount, DemoPerson, Family
from connectors.sandbox.family.people import INGRID, KASIMIR, RENEE, TOBIAS, Person
from connectors.sandbox.split import Resource

# What happens once has happened by then; afterwards life is routine, and goes on as long as it is asked to.
EARLIEST_UNTIL: Final = date(2025, 1, 1)


class Story(Protocol):
    """What fills one person's charts."""

    def __call__(self, charts: Mapping[str, Chart], *, until: date) -> None:
        """Tell it up to the day."""


STORIES: Final[tuple[tuple[Person, Story], ...]] = (
    (RENEE, renee.tell),
    (TOBIAS, tobias.tell),
    (INGRID, ingrid.tell),
    (KASIMIR, kasimir.tell),
)


def family(*, seed: int = 1, until: date) -> Family:
    """Make the family of Port Alder, everything before the day ``until``.

    The same seed and day give the same resources, in the same order; a later day adds to what there was and
    changes nothing of the past. Numbers are ``decimal.Decimal``: write them with ``records.dump``.

    Raises:
        ValueError: ``until`` lies before the story's last single event.

    """
    if until < EARLIEST_UNTIL:
        message = f"the story is told up to {EARLIEST_UNTIL} at least"
        raise ValueError(message)
    return Family(
        portals=PORTALS,
        people=tuple(_person(person, story, seed=seed, until=until) for person, story in STORIES),
    )


def _person(person: Person, story: Story, *, seed: int, until: date) -> DemoPerson:
    ledger = Ledger()
    charts: Mapping[str, Chart] = {
        desk.slug: Chart(desk=desk, person=person.slug, seed=seed, ledger=ledger, staff=enter)
        for desk in DESKS
    }
    story(charts, until=until)
    return DemoPerson(
        name=person.full_name,
        birth_date=person.birth_date,
        gender=person.gender,
        accounts={
            slug: DemoAccount(
                username=person.slug,
                password=f"{person.slug}-demo",
                patient_id=chart.address("Patient", "self").partition("/")[2],
            )
            for slug, chart in charts.items()
        },
        portals={slug: _in_order(chart) for slug, chart in charts.items()},
        truth=ledger.truth(),
    )


def _in_order(chart: Chart) -> list[Resource]:
    """Put the Patient first, as a portal's own listing does."""
    return sorted(chart.resources.values(), key=lambda resource: resource["resourceType"] != "Patient")
