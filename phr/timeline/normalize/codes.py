"""Code systems in one spelling, and CodeableConcepts as codings and words.

Portals spell one system as URL, URL with slash, https, `urn:oid:`, bare OID, or with the names HL7 used before R4.
Sources: https://terminology.hl7.org (system URLs and their OIDs), https://hl7.org/fhir/R4/terminologies-systems.html.
"""

import re
from functools import lru_cache
from typing import Any

from phr.timeline.events import LOINC, Coding
from phr.timeline.normalize import read

SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10PCS = "http://www.cms.gov/medicare/coding/icd10"
ICD9CM = "http://hl7.org/fhir/sid/icd-9-cm"
CVX = "http://hl7.org/fhir/sid/cvx"
NDC = "http://hl7.org/fhir/sid/ndc"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/medicare/coding/hcpcsreleasecodesets"
CDT = "http://www.ada.org/cdt"
UNII = "http://fdasis.nlm.nih.gov"
UCUM = "http://unitsofmeasure.org"
NPI = "http://hl7.org/fhir/sid/us-npi"
MVX = "http://hl7.org/fhir/sid/mvx"
DICOM = "http://dicom.nema.org/resources/ontology/dcm"
TERMINOLOGY = "http://terminology.hl7.org/codesystem/"

# Systems whose codes mean the same wherever they stand, so that two of them may agree or disagree.
STANDARD = frozenset(
    {LOINC, SNOMED, RXNORM, ICD10CM, ICD10, ICD10PCS, ICD9CM, CVX, NDC, CPT, HCPCS, CDT, UNII}
)

_ALIASES = {
    "2.16.840.1.113883.6.1": LOINC,
    "2.16.840.1.113883.6.96": SNOMED,
    "2.16.840.1.113883.6.88": RXNORM,
    "2.16.840.1.113883.6.90": ICD10CM,
    "2.16.840.1.113883.6.3": ICD10,
    "2.16.840.1.113883.6.4": ICD10PCS,
    "2.16.840.1.113883.6.103": ICD9CM,
    "2.16.840.1.113883.6.104": ICD9CM,
    "2.16.840.1.113883.12.292": CVX,
    "2.16.840.1.113883.6.59": CVX,
    "2.16.840.1.113883.6.69": NDC,
    "2.16.840.1.113883.6.12": CPT,
    "2.16.840.1.113883.6.285": HCPCS,
    "2.16.840.1.113883.6.13": CDT,
    "2.16.840.1.113883.4.9": UNII,
    "2.16.840.1.113883.6.8": UCUM,
    "2.16.840.1.113883.4.6": NPI,
    "2.16.840.1.113883.12.227": MVX,
    "1.2.840.10008.2.16.4": DICOM,
    "2.16.840.1.113883.5.83": TERMINOLOGY + "v3-observationinterpretation",
    "2.16.840.1.113883.5.4": TERMINOLOGY + "v3-actcode",
    "2.16.840.1.113883.5.1008": TERMINOLOGY + "v3-nullflavor",
    "loinc": LOINC,
    "snomed-ct": SNOMED,
    "snomed ct": SNOMED,
    "snomedct": SNOMED,
    "rxnorm": RXNORM,
    "icd-10-cm": ICD10CM,
    "icd10cm": ICD10CM,
    "icd-9-cm": ICD9CM,
    "cvx": CVX,
    "ndc": NDC,
    "cpt": CPT,
    "http://www.icd10data.com/icd10pcs": ICD10PCS,
    "http://hl7.org/fhir/sid/icd-9": ICD9CM,
    "http://www2a.cdc.gov/vaccines/iis/iisstandards/vaccines.asp?rpt=cvx": CVX,
    "http://www.fda.gov/drugs/informationondrugs/ucm142438.htm": NDC,
    "http://www.nlm.nih.gov/research/umls/rxnorm/": RXNORM,
}
# Codings of these say that something is not known; they never make two things the same.
ABSENT = frozenset({TERMINOLOGY + "v3-nullflavor", TERMINOLOGY + "data-absent-reason"})

_OLD_V3 = re.compile(r"http://hl7\.org/fhir/v3/([\w-]+)")
_OLD_V2 = re.compile(r"http://hl7\.org/fhir/v2/(\d+)")
_OID = re.compile(r"[0-2](?:\.\d+){3,}")
_SNOMED_EDITION = re.compile(r"http://snomed\.info/sct/.*")


@lru_cache(maxsize=4_096)
def system(spelling: str) -> str:
    """A code or identifier system in its one spelling: "urn:oid:2.16.840.1.113883.6.1" -> "http://loinc.org"."""
    name = read.clean(spelling).lower().split("|", 1)[0].rstrip("/")
    name = name.removeprefix("urn:oid:")
    if name.startswith("https://"):
        name = "http://" + name.removeprefix("https://")
    if name.startswith("http://www.snomed.org") or _SNOMED_EDITION.fullmatch(name):
        return SNOMED
    if name == "http://www.loinc.org":
        return LOINC
    if old := _OLD_V3.fullmatch(name):
        return f"{TERMINOLOGY}v3-{old[1]}"
    if old := _OLD_V2.fullmatch(name):
        return f"{TERMINOLOGY}v2-{old[1]}"
    if (known := _ALIASES.get(name)) is not None:
        return known
    return f"urn:oid:{name}" if _OID.fullmatch(name) else name


@lru_cache(maxsize=16_384)
def _coding(spelling: str, code: str, display: str) -> Coding:
    return Coding(system(spelling) if spelling else "", read.clean(code), read.clean(display))


def coding(value: Any) -> Coding | None:
    """A FHIR Coding -> Coding; None where it holds neither code nor display."""
    if not isinstance(value, dict):
        return None
    spelling, code, display = value.get("system"), value.get("code"), value.get("display")
    spelling = spelling if isinstance(spelling, str) else ""
    code = code if isinstance(code, str) else read.string(code)
    display = display if isinstance(display, str) else ""
    return _coding(spelling, code, display) if code or display else None


def codings(concept: Any) -> tuple[Coding, ...]:
    """All codings of a CodeableConcept (or a lone Coding), in the portal's order, repeats once."""
    if not isinstance(concept, dict):
        return ()
    found = concept.get("coding")
    if isinstance(found, list):
        listed = found[: read.MOST_ENTRIES]
        if len(listed) == 1:
            only = coding(listed[0])
            return (only,) if only is not None else ()
        return tuple(dict.fromkeys(c for c in map(coding, listed) if c is not None))
    only = coding(found) if isinstance(found, dict) else coding(concept)
    return (only,) if only is not None else ()


def all_codings(resource: read.Json, *names: str) -> tuple[Coding, ...]:
    """The codings of every CodeableConcept under `names`, repeats once."""
    found = (c for name in names for concept in read.objs(resource, name) for c in codings(concept))
    return tuple(dict.fromkeys(found))


def words(concept: Any) -> str:
    """What a concept is called: its text, else the first display, else the first code, else ""."""
    if isinstance(concept, list):
        return next((said for said in map(words, concept[:50]) if said), "")
    if not isinstance(concept, dict):
        return read.string(concept) if isinstance(concept, str) else ""
    if said := read.text(concept, "text"):
        return said
    found = codings(concept)
    preferred = next((c.display for c in found if c.display and _chosen_by_user(concept, c)), "")
    return preferred or next((c.display for c in found if c.display), "") or next((c.code for c in found), "")


def _chosen_by_user(concept: dict[str, Any], chosen: Coding) -> bool:
    return any(
        each.get("userSelected") is True and read.text(each, "display") == chosen.display
        for each in read.objs(concept, "coding")
    )


def listed(resource: read.Json, name: str, *, most: int = 6) -> str:
    """The concepts (or texts) under `name` in words, joined with commas."""
    found = resource.get(name)
    items = found if isinstance(found, list) else [found]
    said = dict.fromkeys(w for w in map(words, items[: read.MOST_ENTRIES]) if w)
    return ", ".join(list(said)[:most])


def first_code(concept: Any) -> str:
    """The first code of a concept, or the text of a plain code, lower case."""
    if isinstance(concept, str):
        return read.clean(concept).lower()
    if isinstance(concept, list):
        return next((c for c in map(first_code, concept[:50]) if c), "")
    found = codings(concept)
    return next((c.code for c in found if c.code), read.text(concept, "text")).lower()
