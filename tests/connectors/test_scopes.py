import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.profile import Flow, Profile, Scopes
from connectors.registry import load_registry
from connectors.scopes import LETTERS, URI_PREFIX, Scope, ScopeSet, compare, requested

GENERIC = load_registry()["generic"]

contexts = st.sampled_from(["patient", "user", "system"])
types = st.sampled_from(["*", "Patient", "Observation", "Condition", "DocumentReference"])
letters = st.sets(st.sampled_from(LETTERS), min_size=1).map(
    lambda chosen: "".join(letter for letter in LETTERS if letter in chosen)
)
queries = st.sampled_from(["", "category=laboratory", "category=http://x.example/y|z&status=final"])
scopes = st.builds(
    Scope,
    context=contexts,
    resource_type=types,
    interactions=letters,
    query=queries,
    version=st.sampled_from(["v1", "v2"]),
)
scope_sets = st.lists(scopes, max_size=6).map(lambda found: ScopeSet(resources=tuple(dict.fromkeys(found))))


def asking(
    *,
    supported: tuple[str, ...] = (),
    profile: Profile = GENERIC,
    flow: Flow = "standalone",
    only: Collection[str] | None = None,
    **changes: object,
) -> list[str]:
    """The words asked for, with `changes` to the profile's scopes."""
    changed = replace(profile, scopes=replace(profile.scopes, **changes))  # type: ignore[arg-type]
    return requested(profile=changed, scopes_supported=supported, flow=flow, only=only).split()


# ---- the grammar


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("patient/Observation.rs", ("patient", "Observation", "rs", "", "v2")),
        ("patient/*.cruds", ("patient", "*", "cruds", "", "v2")),
        ("user/Slot.rus", ("user", "Slot", "rus", "", "v2")),
        ("patient/Observation.sr", ("patient", "Observation", "rs", "", "v2")),
        ("patient/Observation.read", ("patient", "Observation", "rs", "", "v1")),
        ("system/Patient.write", ("system", "Patient", "cud", "", "v1")),
        ("patient/*.*", ("patient", "*", "cruds", "", "v1")),
        ("http://smarthealthit.org/fhir/scopes/patient/Goal.r", ("patient", "Goal", "r", "", "v2")),
        (
            "patient/Observation.rs?category=http://t.example/c|laboratory&status=final",
            ("patient", "Observation", "rs", "category=http://t.example/c|laboratory&status=final", "v2"),
        ),
    ],
)
def test_it_reads_both_versions(word: str, expected: tuple[str, ...]) -> None:
    scope = Scope.parse(word)

    assert scope is not None
    assert (scope.context, scope.resource_type, scope.interactions, scope.query, scope.version) == expected


@pytest.mark.parametrize(
    "word",
    [
        "openid",
        "launch/patient",
        "launch/encounter?role=x",
        "patient/Observation",
        "patient/Observation.",
        "patient/observation.rs",
        "Patient/Observation.rs",
        "patient/Observation.rx",
        "patient/.rs",
        "clinic/Observation.rs",
        "patient/Observation.rs;drop",
        "",
    ],
)
def test_it_takes_other_words_for_no_access(word: str) -> None:
    assert Scope.parse(word) is None


@given(scopes)
def test_what_it_writes_it_reads_back(scope: Scope) -> None:
    assert Scope.parse(scope.text) == scope


@given(st.text())
def test_it_reads_any_grant_without_failing_and_loses_no_word(text: str) -> None:
    found = ScopeSet.parse(text)

    assert len(found.others) + len(found.resources) <= len(text.split())
    assert ScopeSet.parse(found.text).resources == found.resources


@given(scope_sets)
def test_a_set_is_read_back_as_it_was_written(found: ScopeSet) -> None:
    assert ScopeSet.parse(found.text) == found


# ---- what a grant allows


@pytest.mark.parametrize(
    ("grant", "reads", "searches"),
    [
        ("patient/Observation.rs", True, True),
        ("patient/Observation.read", True, True),
        ("patient/*.read", True, True),
        ("user/*.*", True, True),
        ("patient/Observation.r", True, False),
        ("patient/Observation.s", False, True),
        ("patient/Observation.cud", False, False),
        ("patient/Observation.write", False, False),
        ("patient/Condition.rs", False, False),
        ("openid fhirUser", False, False),
        ("", False, False),
    ],
)
def test_it_says_what_may_be_read_and_searched(grant: str, reads: bool, searches: bool) -> None:  # noqa: FBT001
    granted = ScopeSet.parse(grant)

    assert granted.allows("Observation", "r") is reads
    assert granted.allows("Observation", "s") is searches


def test_it_says_to_which_searches_access_is_limited() -> None:
    limited = ScopeSet.parse("patient/Condition.rs?category=a patient/Condition.s?category=b patient/Goal.rs")

    assert limited.constraints("Condition", "s") == ("category=a", "category=b")
    assert limited.constraints("Condition", "r") == ("category=a",)
    assert limited.constraints("Goal", "s") == ()
    assert ScopeSet.parse(limited.text + " patient/*.s").constraints("Condition", "s") == ()


@given(scope_sets)
def test_a_set_covers_itself_and_the_empty_one(found: ScopeSet) -> None:
    assert found.covers(found)
    assert found.covers(ScopeSet())


@given(scope_sets, scope_sets, scope_sets)
def test_covering_is_transitive(one: ScopeSet, two: ScopeSet, three: ScopeSet) -> None:
    joined = ScopeSet(resources=one.resources + two.resources)

    assert joined.covers(one)
    assert joined.covers(two)
    if one.covers(two) and two.covers(three):
        assert one.covers(three)


@given(scope_sets, scope_sets, types.filter(lambda name: name != "*"))
def test_who_covers_a_set_may_do_all_that_it_allows(one: ScopeSet, two: ScopeSet, name: str) -> None:
    if one.covers(two):
        assert one.allows(name, "r") or not two.allows(name, "r")
        assert one.allows(name, "s") or not two.allows(name, "s")


@pytest.mark.parametrize(
    ("held", "other", "covers"),
    [
        ("patient/Goal.rs?a=1", "patient/Goal.rs?a=1&b=2", True),
        ("patient/Goal.rs?a=1&b=2", "patient/Goal.rs?b=2&a=1", True),
        ("patient/Goal.rs?a=1&b=2", "patient/Goal.rs?a=1", False),
        ("patient/Goal.rs?a=1", "patient/Goal.rs", False),
        ("patient/Goal.rs", "patient/Goal.rs?a=1", True),
        ("patient/Goal.rs?a=http://x.example/c%7Cd", "patient/Goal.rs?a=http://x.example/c|d", True),
        ("patient/*.rs?a=1", "patient/Goal.rs?a=1", True),
    ],
)
def test_every_parameter_of_a_constraint_narrows(held: str, other: str, *, covers: bool) -> None:
    assert ScopeSet.parse(held).covers(ScopeSet.parse(other)) is covers


@given(scopes, st.permutations(LETTERS))
def test_the_order_of_letters_and_the_long_form_change_nothing(scope: Scope, order: list[str]) -> None:
    mixed = "".join(letter for letter in order if letter in scope.interactions)
    query = f"?{scope.query}" if scope.query else ""
    written = f"{scope.context}/{scope.resource_type}.{mixed}{query}"

    assert Scope.parse(written) == scope
    assert Scope.parse(URI_PREFIX + written) == scope


@given(
    st.from_regex(
        r"(patient|user|system)/(\*|[A-Z][A-Za-z]{0,20})\.(c?r?u?d?s?)(\?[!-~]{0,20})?", fullmatch=True
    )
)
def test_the_whole_grammar_is_read_and_only_access_to_nothing_is_not(word: str) -> None:
    access = word.partition(".")[2].partition("?")[0]

    assert (Scope.parse(word) is not None) == bool(access)


# ---- what was not granted


@given(scope_sets)
def test_nothing_is_missing_from_what_was_asked(found: ScopeSet) -> None:
    assert not compare(asked=found, granted=found)


@given(scope_sets, scope_sets)
def test_something_is_missing_exactly_when_the_grant_does_not_cover(
    asked: ScopeSet, granted: ScopeSet
) -> None:
    assert bool(compare(asked=asked, granted=granted)) is not granted.covers(asked)


@pytest.mark.parametrize(
    ("asked", "granted", "missing", "reduced", "others"),
    [
        pytest.param("patient/Goal.rs", "patient/Goal.read", (), (), (), id="v1_in_answer_to_v2"),
        pytest.param("patient/Goal.read", "patient/Goal.rs", (), (), (), id="v2_in_answer_to_v1"),
        pytest.param("patient/Goal.rs", "patient/Goal.r patient/Goal.s", (), (), (), id="in_two_words"),
        pytest.param("patient/Goal.rs", "patient/*.cruds", (), (), (), id="more_than_asked"),
        pytest.param(
            "patient/Goal.rs patient/Device.rs", "patient/Device.rs", ("Goal",), (), (), id="one_type"
        ),
        pytest.param("patient/Goal.rs", "user/Goal.rs", ("Goal",), (), (), id="other_context"),
        pytest.param("patient/Goal.rs", "patient/Goal.r", (), ("Goal",), (), id="read_only"),
        pytest.param("patient/Goal.rs", "patient/Goal.rs?a=b", (), ("Goal",), (), id="a_part_only"),
        pytest.param("patient/*.rs", "patient/Goal.rs", ("*",), (), (), id="not_all_types"),
        pytest.param(
            "openid offline_access patient/Goal.rs",
            "openid patient/Goal.rs",
            (),
            (),
            ("offline_access",),
            id="no_offline_access",
        ),
    ],
)
def test_it_names_what_was_not_granted(
    asked: str, granted: str, missing: tuple[str, ...], reduced: tuple[str, ...], others: tuple[str, ...]
) -> None:
    found = compare(asked=ScopeSet.parse(asked), granted=ScopeSet.parse(granted))

    assert (found.missing, found.reduced, found.others) == (missing, reduced, others)


# ---- what is asked for


def test_it_asks_for_launch_identity_and_each_type_when_nothing_is_listed() -> None:
    words = asking(resources=("Patient", "Goal"), extra=("user/Location.rs", "sandbox"))

    assert words == [
        "launch/patient",
        "openid",
        "fhirUser",
        "offline_access",
        "patient/Patient.rs",
        "patient/Goal.rs",
        "user/Location.rs",
        "sandbox",
    ]


def test_it_leaves_out_what_the_profile_does_not_want() -> None:
    words = asking(resources=("Patient",), launch_patient=False, identity=(), offline="")

    assert words == ["patient/Patient.rs"]


def test_it_asks_only_for_types_that_are_listed() -> None:
    words = asking(
        resources=("Patient", "Goal"), supported=("openid", "patient/Patient.rs", "patient/Slot.rs")
    )

    assert "patient/Patient.rs" in words
    assert "patient/Goal.rs" not in words
    assert "patient/Slot.rs" not in words


def test_it_asks_for_further_types_only_where_they_are_listed_by_name() -> None:
    listed = ("patient/Patient.rs", "patient/Claim.rs", "patient/Slot.rs")

    assert asking(resources=("Patient",), supported=listed)[-1] == "patient/Claim.rs"
    assert "patient/Claim.rs" not in asking(resources=("Patient",), supported=("patient/*.rs",))
    assert "patient/Claim.rs" not in asking(resources=("Patient",), supported=listed, when_listed=())


def test_it_asks_for_no_more_of_a_type_than_is_listed() -> None:
    words = asking(
        resources=("Binary", "Observation", "Goal"),
        supported=("patient/Binary.r", "patient/Observation.s", "patient/Goal.cruds"),
    )

    assert words[-3:] == ["patient/Binary.r", "patient/Observation.s", "patient/Goal.rs"]


def test_it_does_not_narrow_by_a_list_that_names_no_types() -> None:
    assert "patient/Goal.rs" in asking(resources=("Goal",), supported=("launch", "openid", "profile"))


def test_it_asks_in_the_one_version_that_is_listed() -> None:
    words = asking(resources=("Goal",), supported=("patient/Goal.read",), extra=("user/Location.rs",))

    assert words[-2:] == ["patient/Goal.read", "user/Location.read"]


def test_it_never_mixes_versions_where_both_are_listed() -> None:
    words = asking(
        resources=("Goal", "Device"),
        supported=("patient/Goal.read", "patient/Goal.rs", "patient/Device.read"),
    )

    assert [word for word in words if "/" in word][1:] == ["patient/Goal.rs"]


def test_it_asks_for_a_wildcard_only_where_the_profile_says_so_and_the_list_has_one() -> None:
    assert asking(style="wildcard")[-1] == "patient/*.rs"
    assert asking(style="wildcard", supported=("patient/*.rs",))[-1] == "patient/*.rs"
    assert asking(style="wildcard", version="v1", supported=("patient/*.*",))[-1] == "patient/*.read"
    assert (
        asking(style="wildcard", resources=("Goal",), supported=("patient/Goal.rs",))[-1] == "patient/Goal.rs"
    )
    assert asking(resources=("Goal",), supported=("patient/*.cruds",))[-1] == "patient/Goal.rs"


def test_it_asks_for_a_part_where_only_parts_are_listed() -> None:
    words = asking(resources=("Goal",), supported=("patient/Goal.rs?a=b", "patient/Goal.cud"))

    assert words[-1] == "patient/Goal.rs?a=b"


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (
            "standalone",
            [
                "launch/patient",
                "openid",
                "fhirUser",
                "offline_access",
                "patient/Goal.rs",
                "user/Location.rs",
                "word",
            ],
        ),
        (
            "ehr",
            ["launch", "openid", "fhirUser", "offline_access", "patient/Goal.rs", "user/Location.rs", "word"],
        ),
        (
            "provider",
            [
                "launch/patient",
                "openid",
                "fhirUser",
                "offline_access",
                "user/Goal.rs",
                "user/Location.rs",
                "word",
            ],
        ),
        ("backend", ["system/Goal.rs", "system/Group.rs", "word"]),
    ],
)
def test_each_way_to_begin_asks_in_its_own_words(flow: Flow, expected: list[str]) -> None:
    extra = ("user/Location.rs", "system/Group.rs", "word")

    assert asking(flow=flow, resources=("Goal",), extra=extra) == expected


def test_staff_are_shown_the_patients_whatever_patients_need() -> None:
    assert "launch/patient" in asking(flow="provider", launch_patient=False)
    assert "launch/patient" not in asking(flow="ehr", launch_patient=True)


def test_each_way_to_begin_is_narrowed_by_what_is_listed_for_it() -> None:
    listed = ("patient/Goal.read", "patient/Device.read", "user/Goal.rs", "system/Device.rs", "system/*.rs")

    def types(flow: Flow, style: str = "enumerated") -> list[str]:
        words = asking(flow=flow, style=style, resources=("Goal", "Device"), supported=listed)
        return [word for word in words if "." in word]

    assert types("standalone") == ["patient/Goal.read", "patient/Device.read"]
    assert types("provider") == ["user/Goal.rs"]
    assert types("backend") == ["system/Goal.rs", "system/Device.rs"]
    assert types("backend", "wildcard") == ["system/*.rs"]
    assert types("provider", "wildcard") == ["user/Goal.rs"]


def test_it_asks_for_no_more_than_is_needed() -> None:
    words = asking(
        style="wildcard", resources=("Goal", "Device"), extra=("user/Location.rs", "word"), only={"Goal"}
    )

    assert [word for word in words if "/" in word] == ["launch/patient", "patient/Goal.rs"]
    assert "word" in words


@pytest.mark.parametrize("flow", ["standalone", "ehr", "provider", "backend"])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("style", "name"), [("wildcard", "*"), ("enumerated", "Goal")])
def test_a_list_of_words_leaves_version_and_style_to_the_profile(
    flow: Flow, version: str, style: str, name: str
) -> None:
    words = asking(
        flow=flow,
        version=version,
        style=style,
        resources=("Goal",),
        supported=("openid", "launch", "fhirUser"),
    )

    context = {"provider": "user", "backend": "system"}.get(flow, "patient")
    assert words[-1] == f"{context}/{name}.{'read' if version == 'v1' else 'rs'}"


@given(
    scope_sets,
    st.sampled_from(["v1", "v2"]),
    st.sampled_from(["wildcard", "enumerated"]),
    st.sampled_from(["standalone", "ehr", "provider", "backend"]),
)
def test_it_never_asks_to_write_and_never_mixes(
    listed: ScopeSet, version: str, style: str, flow: Flow
) -> None:
    wanted = Scopes(version=version, style=style)  # type: ignore[arg-type]
    profile = replace(GENERIC, scopes=wanted)

    asked = ScopeSet.parse(requested(profile=profile, scopes_supported=listed.text.split(), flow=flow))

    context = {"provider": "user", "backend": "system"}.get(flow, "patient")
    assert {scope.context for scope in asked.resources} <= {context}

    assert all(set(scope.interactions) <= {"r", "s"} for scope in asked.resources)
    assert all(scope.query or scope.version == asked.resources[0].version for scope in asked.resources)


@pytest.mark.corpus
def test_it_asks_a_real_server_for_what_that_server_lists(corpus: Path) -> None:
    # Given the discovery document of a server without wildcards; some types may be read only
    listed = json.loads((corpus / "smart-configuration/cerner-smart-configuration-patient.json").read_text())

    # When
    words = requested(
        profile=load_registry()["oracle_health"], scopes_supported=listed["scopes_supported"]
    ).split()

    # Then everything that is asked for is listed, word by word
    assert set(words) <= set(listed["scopes_supported"])
    assert {"patient/Observation.s", "patient/Binary.r", "user/Location.rs"} <= set(words)
