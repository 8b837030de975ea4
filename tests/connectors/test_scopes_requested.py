import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.profile import Flow, Profile, Scopes
from connectors.registry import load_registry
from connectors.scopes import ScopeSet, requested
from tests.connectors.scopewords import scope_sets

GENERIC = load_registry()["generic"]


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
