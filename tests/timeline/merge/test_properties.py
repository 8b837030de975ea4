"""What must hold of merging whatever portals send: order-free, idempotent, nothing lost, taken back cleanly."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from phr.timeline.merge import Member, Override, Rule, block_hash, block_keys, fact_id, merge
from tests.timeline.merge.make import (
    CVX,
    ICD10,
    LOINC,
    SNOMED,
    Json,
    concept,
    lab,
    received,
    sent,
    sets,
    together,
)

# Few values, so that twins, chains and half-agreements come up all the time.
_CODINGS = [(LOINC, "1-1"), (LOINC, "2-2"), (SNOMED, "11"), (ICD10, "A1"), ("urn:local", "x")]
_TIMES = [
    "2024-03-01",
    "2024-03-01T08:00:00-05:00",
    "2024-03-01T13:00:00Z",
    "2024-03-01T08:00:25-05:00",
    "2024-03-01T20:00:00-05:00",
    "2024-03-02T01:00:00Z",
    "2024-03-01T08:00:00",
    "2024-03",
    "2024",
    "rubbish",
    None,
]
_IDS = [None, None, None, ("urn:lab", "1"), ("urn:lab", "2")]

_concepts = st.builds(
    lambda codings, text: concept(*codings, text=text),
    st.lists(st.sampled_from(_CODINGS), max_size=2, unique=True),
    st.sampled_from(["", "one", "two"]),
)
_labs = st.builds(
    lab,
    _concepts,
    st.sampled_from(_TIMES),
    st.sampled_from(["5.6", "5.60", "5.64", "7", None]),
    unit=st.sampled_from(["mg/dL", "mg/dl", ""]),
    status=st.sampled_from(["final", "amended", "entered-in-error"]),
    identifier=st.sampled_from(_IDS),
)


def _dated(resource_type: str, code: str, date: str) -> Callable[[Json, str | None, str], Json]:
    def make(coded: Json, when: str | None, who: str) -> Json:
        made: Json = {"resourceType": resource_type, code: coded, "status": "completed"}
        if when:
            made[date] = when
        if who:
            made["performer"] = [{"actor": {"reference": "Practitioner/1", "display": who}}]
            made["asserter"] = {"display": who}
        return made

    return make


_people = st.sampled_from(["", "Keeley Yundt", "Amir Haddad"])
_others = st.one_of(
    *(
        st.builds(_dated(*names), _concepts, st.sampled_from(_TIMES), _people)
        for names in (
            ("Condition", "code", "onsetDateTime"),
            ("Procedure", "code", "performedDateTime"),
            ("Immunization", "vaccineCode", "occurrenceDateTime"),
            ("AllergyIntolerance", "code", "recordedDate"),
            ("CarePlan", "category", "created"),
        )
    )
)
_records = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.lists(st.one_of(_labs, _others), max_size=7), min_size=1, max_size=3
)
members_of = _records.map(lambda sources: sent(**sources))


def shape(members: Iterable[Member]) -> list[tuple[tuple[str, ...], str, list[tuple[object, ...]]]]:
    """Everything that a page shows of the groups."""
    return [
        (
            tuple(m.key for m in group.members),
            str(group.rule),
            [(e.a, e.b, e.rule, e.codes) for e in group.evidence],
        )
        for group in merge(members)
    ]


def components(members: Iterable[Member]) -> list[list[Member]]:
    """The members by connected blocks, as the database walks them."""
    by_key: dict[int, list[Member]] = defaultdict(list)
    for member in members:
        for key in block_keys(member):
            by_key[block_hash(key)].append(member)
    left, found = {m.key: m for m in members}, []
    while left:
        component, open_members = [], [left.pop(next(iter(left)))]
        while open_members:
            member = open_members.pop()
            component.append(member)
            for key in block_keys(member):
                open_members += [left.pop(m.key) for m in by_key[block_hash(key)] if m.key in left]
        found.append(component)
    return found


@settings(max_examples=400, deadline=None)
@given(members_of, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(members: list[Member], chance: random.Random) -> None:
    expected = shape(members)
    chance.shuffle(members)
    assert shape(members) == expected


@settings(max_examples=300, deadline=None)
@given(members_of)
def test_every_member_stands_in_exactly_one_group(members: list[Member]) -> None:
    held = [m.key for group in merge(members) for m in group.members]
    assert sorted(held) == sorted(m.key for m in members)


@settings(max_examples=200, deadline=None)
@given(members_of)
def test_merging_what_was_merged_changes_nothing(members: list[Member]) -> None:
    groups = merge(members)
    assert shape([*members, *members]) == shape(members)
    assert shape(m for group in groups for m in group.members) == shape(members)


@settings(max_examples=400, deadline=None)
@given(members_of)
def test_components_merged_apart_equal_the_whole(members: list[Member]) -> None:
    apart = [line for component in components(members) for line in shape(component)]
    assert sorted(apart) == sorted(shape(members))


@settings(max_examples=300, deadline=None)
@given(members_of)
def test_members_of_one_chart_stay_apart_unless_the_portal_repeats_them(members: list[Member]) -> None:
    for group in merge(members):
        charts = [m.origin.chart for m in group.members]
        if len(set(charts)) != len(charts):
            assert Rule.REPEATED in {link.rule for link in group.links}


@settings(max_examples=300, deadline=None)
@given(members_of)
def test_a_group_is_held_together_by_one_link_fewer_than_members(members: list[Member]) -> None:
    for group in merge(members):
        assert len(group.links) == len(group.members) - 1


@settings(max_examples=200, deadline=None)
@given(members_of)
def test_taking_a_source_away_leaves_the_groups_that_it_was_not_in(members: list[Member]) -> None:
    """A group without the source may only change where the source had left a choice open."""
    left = [m for m in members if m.origin.source_id != "c"]
    touched = {
        key
        for component in components(members)
        if any(m.origin.source_id == "c" for m in component)
        for key in (m.key for m in component)
    }
    before = [line for line in shape(members) if not set(line[0]) & touched]
    after = [line for line in shape(left) if not set(line[0]) & touched]
    assert before == after


@settings(max_examples=200, deadline=None)
@given(members_of)
def test_fact_ids_are_unique_and_the_persons_own(members: list[Member]) -> None:
    groups = merge(members)
    ids = {fact_id(group, person_id="p") for group in groups}
    assert len(ids) == len(groups)
    assert not ids & {fact_id(group, person_id="q") for group in groups}


@settings(max_examples=200, deadline=None)
@given(_records)
def test_a_reconnected_source_adds_members_and_no_groups(records: dict[str, list[Json]]) -> None:
    first = sent(**records)
    again = [
        m
        for source, resources in records.items()
        for m in received(f"{source}-again", resources, base_url=f"https://{source}.example/fhir")
    ]
    before, after = merge(first), merge([*first, *again])
    assert len(before) == len(after)
    assert {fact_id(group) for group in before} == {fact_id(group) for group in after}
    assert sum(len(group.members) for group in after) == 2 * len(first)


def test_the_newer_copy_of_one_resource_speaks() -> None:
    old = received("a", [lab(concept(text="x"), "2024-03-01", "1")], base_url="https://x", as_of="2024")
    new = received(
        "b",
        [lab(concept(text="x"), "2024-03-01", "2", status="preliminary")],
        base_url="https://x",
        as_of="2025",
    )
    (group,) = merge([*old, *new])
    assert group.links[0].rule is Rule.SAME_RESOURCE
    assert merge([*new, *old])[0].members == group.members


class TestOverrides:
    members = sent(
        a=[lab(concept((LOINC, "1-1")), "2024-03-01T08:00:00Z", "5")],
        b=[
            lab(concept((LOINC, "1-1")), "2024-03-01T08:00:00Z", "5"),
            lab(concept((LOINC, "2-2")), "2020-01-01", "9"),
        ],
    )

    def naturals(self, *places: int) -> list[str]:
        return [self.members[place].natural for place in places]

    def test_split_keeps_two_apart(self) -> None:
        override = Override("split", *self.naturals(0, 1))
        assert together(self.members) == sets("a0 b0", "b1")
        assert together(self.members, [override]) == sets("a0", "b0", "b1")

    def test_join_joins_what_no_rule_would(self) -> None:
        override = Override("join", *self.naturals(0, 2))
        assert together(self.members, [override]) == sets("a0 b1", "b0")

    def test_an_override_of_something_gone_is_ignored(self) -> None:
        override = Override("join", "https://gone|p|Observation|1|0", self.naturals(0)[0])
        assert together(self.members, [override]) == together(self.members)


def test_blocks_of_dated_things_are_small() -> None:
    """A thousand days of one test are a thousand blocks; a problem is one."""
    days = [
        lab(
            concept((LOINC, "1-1")), f"{1990 + n // 300}-{1 + n // 25 % 12:02}-{1 + n % 25:02}T08:00:00Z", "5"
        )
        for n in range(900)
    ]
    assert max(len(c) for c in components(sent(a=days, b=days))) == 2


def test_block_hash_is_stable() -> None:
    """Stored beside events: another value would leave them unfound."""
    assert block_hash("Observation http://loinc.org|1-1 2024-03-01") == 6929429845518945403


def test_vaccine_codes_with_leading_zero_are_one() -> None:
    def given_on(code: str) -> Json:
        return {
            "resourceType": "Immunization",
            "vaccineCode": concept((CVX, code)),
            "occurrenceDateTime": "2020-01-01",
        }

    assert together(sent(a=[given_on("08")], b=[given_on("8")])) == sets("a0 b0")
