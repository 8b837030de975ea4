import pytest

from connectors.errors import BadReply
from connectors.fhir.capability import read_capability


def test_it_takes_what_is_there_and_passes_over_the_rest() -> None:
    capability = read_capability(
        b"""{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","software":{"name":"S"},"rest":[5,
        {"mode":"client","resource":[{"type":"Hidden"}]},
        {"mode":"server","operation":[{"name":"export"}],"resource":["x",{"type":5},
          {"type":"Goal","interaction":[{"code":"search-type"},{"code":null},3],"searchParam":[{"name":"patient"}],
           "searchInclude":["*"],"searchRevInclude":["Provenance:target"],"operation":[{"name":"docref"}]},
          {"type":"Basic","interaction":[{"code":"read"}]},{"type":"List"}]}]}"""
    )
    goal = capability.resources["Goal"]
    assert set(capability.resources) == {"Goal", "Basic", "List"}
    assert goal.searchable
    assert goal.search_parameters == {"patient"}
    assert goal.includes == {"*"}
    assert goal.revincludes == {"Provenance:target"}
    assert not capability.resources["Basic"].searchable
    assert capability.resources["List"].searchable
    assert capability.operations == {"export", "Goal/docref"}
    assert (capability.software, capability.offers("Goal"), capability.offers("Patient")) == (
        "S",
        True,
        False,
    )


def test_a_statement_without_a_list_excludes_nothing() -> None:
    capability = read_capability(b'{"resourceType":"CapabilityStatement"}')
    assert capability.offers("Goal")
    assert capability.is_r4


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "html"),
        (b"", "not_json"),
        (b"[" * 5000, "not_json"),
        (b"[]", "bad_response"),
        (b'{"resourceType":"Patient"}', "bad_response"),
    ],
)
def test_anything_else_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(BadReply) as error:
        read_capability(body)
    assert error.value.code == code
