import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.scopes import LETTERS, URI_PREFIX, Scope, ScopeSet, compare
from tests.connectors.scopewords import scope_sets, scopes, types

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
