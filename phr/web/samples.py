"""Hand-made data for the style guide: an ordinary record, and a hard one."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from phr.sources.shapes import PortalChoice
from phr.sync.shapes import (
    LedgerRow,
    Progress,
    QuarantineLine,
    QuarantinePage,
    RunLine,
    SourceCard,
    SourceDetail,
)
from phr.timeline.queries.shapes import (
    DateText,
    Facet,
    FactDetail,
    FactLine,
    FieldRow,
    FlagName,
    MemberDetail,
    Row,
    SourceChip,
    TimelineFilters,
    TimelinePage,
    VersionLine,
    VisitCard,
    VisitDetail,
    VisitGroup,
    Year,
    YearDensity,
)

PERSON_ID: Final = UUID("01900000-0000-7000-8000-000000000001")
BORN: Final = date(1958, 5, 12)

LAK: Final = SourceChip(id="1", name="Lakeside Clinic", short="LAK")
MER: Final = SourceChip(id="2", name="Mercy General", short="MER")
NOR: Final = SourceChip(id="3", name="Northern Labs", short="NOR")
PHA: Final = SourceChip(id="4", name="Corner Pharmacy", short="PHA")

KIND_NAMES: Final = {
    "visit": "Visit",
    "result": "Lab result",
    "vital": "Vital sign",
    "medication": "Medication",
    "condition": "Problem",
    "vaccine": "Vaccine",
    "allergy": "Allergy",
    "procedure": "Procedure",
    "report": "Report",
    "document": "Document",
    "other": "Record",
}


def day(iso: str, text: str, long_text: str) -> DateText:
    precision = {0: "none", 4: "year", 7: "month"}.get(len(iso), "day")
    return DateText(iso=iso, text=text, long_text=long_text, precision=precision)  # type: ignore[arg-type]


NOV: Final = day("2026-11-14", "14 Nov", "14 November 2026")
_made = 0


def line(
    kind: str,
    title: str,
    *,
    when: DateText = NOV,
    detail: str = "",
    value: str = "",
    unit: str = "",
    flag: FlagName = "",
    flag_text: str = "",
    chips: tuple[SourceChip, ...] = (LAK,),
    conflict: bool = False,
    status_text: str = "",
    apart: bool = False,
) -> FactLine:
    global _made  # noqa: PLW0603 (ids of samples need only differ)
    _made += 1
    return FactLine(
        id=UUID(int=_made),
        kind=kind,
        kind_name=KIND_NAMES.get(kind, "Record"),
        title=title,
        date=when,
        detail=detail,
        value=value,
        unit=unit,
        flag=flag,
        flag_text=flag_text,
        chips=chips,
        conflict=conflict,
        status_text=status_text,
        apart=apart,
    )


A1C: Final = line(
    "result",
    "Hemoglobin A1c",
    value="6.9",
    unit="%",
    flag="high",
    flag_text="above 4.0-5.6",
    chips=(LAK, NOR),
)
LDL: Final = line(
    "result", "LDL cholesterol", value="2.31", unit="mmol/L", flag="normal", flag_text="in range"
)
PRESSURE: Final = line("vital", "Blood pressure", value="128 / 79", unit="mmHg")
METFORMIN: Final = line(
    "medication",
    "Metformin 1,000 mg",
    detail="twice a day, was 500 mg",
    status_text="active",
    chips=(LAK, PHA),
)
AUG: Final = day("2026-08-19", "19 Aug", "19 August 2026, 02:14")
OCT: Final = day("2026-10-02", "2 Oct", "2 October 2026")
FOLLOW_UP: Final = line("visit", "Follow-up for type 2 diabetes", detail="Dr. Ana Ferreira, Lakeside Clinic")
EMERGENCY: Final = line(
    "visit", "Emergency department, chest pain", when=AUG, detail="Mercy General, 6 hours", chips=(MER,)
)
CHEST: Final = line(
    "condition", "Non-cardiac chest pain", when=AUG, detail="resolved", conflict=True, chips=(MER, LAK)
)
LINES: Final = (
    A1C,
    LDL,
    PRESSURE,
    METFORMIN,
    CHEST,
    line("allergy", "Penicillin", detail="hives", chips=(LAK, MER), status_text="active"),
    line("procedure", "Colonoscopy", detail="cancelled by the clinic", status_text="not done"),
    line(
        "document",
        "Letter from the eye clinic",
        detail="no retinopathy",
        value="PDF",
        chips=(MER,),
        apart=True,
    ),
)

_AUGUST: Final = VisitCard(
    fact=EMERGENCY,
    lines=(
        line(
            "result",
            "Troponin I, high sensitivity",
            when=AUG,
            detail="twice, 3 hours apart",
            value="4 and 5",
            unit="ng/L",
            flag="normal",
            flag_text="in range",
            chips=(MER,),
        ),
        line("document", "Discharge summary", when=AUG, detail="Dr. K. Osei", value="2 pages", chips=(MER,)),
        CHEST,
    ),
    more=23,
)
_MAY: Final = day("2025-05", "May", "May 2025")
_JAN: Final = day("2025-01-11", "11 Jan", "11 January 2025")
DENSITY: Final = tuple(
    YearDensity(year=year, count=count, share=count / 412)
    for year, count in (
        (2026, 318),
        (2025, 371),
        (2024, 226),
        (2023, 412),
        (2022, 184),
        (2021, 141),
        (2020, 92),
        (2019, 120),
        (2018, 71),
        (2017, 58),
        (2016, 163),
        (2014, 40),
        (2009, 22),
        (1998, 3),
    )
)
KINDS: Final = tuple(
    Facet(key=key, name=name, count=count, selected=False, url_value=key)
    for key, name, count in (
        ("visit", "Visits", 183),
        ("result", "Results", 2640),
        ("medication", "Medications", 214),
        ("condition", "Problems", 41),
        ("vaccine", "Vaccines", 31),
        ("document", "Documents", 405),
        ("procedure", "Procedures", 58),
        ("allergy", "Allergies", 4),
    )
)
SOURCES: Final = tuple(
    Facet(key=chip.id, name=chip.name, count=count, selected=False, url_value=chip.id)
    for chip, count in ((MER, 2204), (LAK, 1180), (NOR, 736), (PHA, 92))
)
TIMELINE: Final = TimelinePage(
    years=(
        Year(
            year=2026,
            count=318,
            rows=(
                Row(date=NOV, card=VisitCard(fact=FOLLOW_UP, lines=(A1C, LDL, PRESSURE, METFORMIN), more=11)),
                Row(
                    date=OCT,
                    line=line(
                        "vaccine", "Influenza vaccine, 2026-27", when=OCT, detail="left arm", chips=(PHA, MER)
                    ),
                ),
                Row(
                    date=OCT,
                    line=line(
                        "medication",
                        "Atorvastatin 20 mg",
                        when=OCT,
                        detail="once a day, at night",
                        status_text="active",
                        chips=(PHA,),
                    ),
                ),
                Row(date=AUG, card=_AUGUST),
            ),
        ),
        Year(
            year=2025,
            count=371,
            rows=(
                Row(
                    date=_MAY,
                    line=line(
                        "condition",
                        "Osteoarthritis of the right knee",
                        when=_MAY,
                        detail="first noted; only the month is known",
                    ),
                ),
                Row(
                    date=_JAN,
                    line=line(
                        "document",
                        "Letter from the eye clinic",
                        when=_JAN,
                        detail="no retinopathy",
                        value="PDF",
                        chips=(MER,),
                    ),
                ),
            ),
        ),
        Year(
            year=None,
            count=2,
            rows=(
                Row(
                    date=day("", "", "date not known"),
                    line=line(
                        "allergy", "Penicillin", when=day("", "", ""), detail="hives", chips=(LAK, MER)
                    ),
                ),
                Row(
                    date=day("", "", "date not known"),
                    line=line("other", "Record of type BodyStructure", when=day("", "", ""), chips=(MER,)),
                ),
            ),
        ),
    ),
    next_cursor="b3BhcXVl",
    kinds=KINDS,
    sources=SOURCES,
    density=DENSITY,
    total=4212,
    missing=("Lakeside Clinic shares everything but notes. Mercy General is complete as of this morning.",),
)
_CHOSEN: Final = TimelineFilters(kinds=("result",), sources=("3",), date_to=date(2026, 12, 31), q="a1c")
FILTERED: Final = TimelinePage(
    years=(Year(year=2026, count=4, rows=(Row(date=NOV, line=A1C), Row(date=AUG, line=LDL))),),
    next_cursor=None,
    kinds=tuple(
        Facet(key=f.key, name=f.name, count=f.count, selected=f.key == "result", url_value=f.key)
        for f in KINDS
    ),
    sources=tuple(
        Facet(key=f.key, name=f.name, count=f.count, selected=f.key == "3", url_value=f.key) for f in SOURCES
    ),
    density=DENSITY[:1],
    total=4,
    missing=(),
    filters=_CHOSEN,
)
NOTHING_FITS: Final = TimelinePage(
    years=(),
    next_cursor=None,
    kinds=FILTERED.kinds,
    sources=FILTERED.sources,
    density=(),
    total=0,
    missing=(),
    filters=_CHOSEN,
)
NOTHING_YET: Final = TimelinePage(
    years=(),
    next_cursor=None,
    kinds=(),
    sources=(),
    density=(),
    total=0,
    missing=("Mercy General is being fetched: 3 of 14 kinds are here.",),
)
_LONG: Final = (
    "Comprehensive metabolic panel with estimated glomerular filtration rate by the equation of 2021 " * 4
)
HARD: Final = TimelinePage(
    years=(
        Year(
            year=2026,
            count=12345,
            rows=(
                Row(date=NOV, line=line("report", _LONG, value="see the report", chips=(LAK, MER, NOR, PHA))),
                Row(
                    date=NOV,
                    line=line(
                        "condition", "داء السكري من النوع الثاني", detail="كما كتبه الطبيب", chips=(MER,)
                    ),
                ),
                Row(
                    date=NOV,
                    line=line(
                        "result",
                        "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
                        value="0.00000000000012345",
                        unit="10*12/L",
                        flag="critical",
                        flag_text="far above 0.0-0.1",
                        conflict=True,
                    ),
                ),
                Row(date=NOV, line=line("other", "Record without a title")),
                Row(
                    date=AUG,
                    card=VisitCard(fact=line("visit", _LONG, when=AUG, detail=_LONG[:120]), lines=(), more=0),
                ),
            ),
        ),
    ),
    next_cursor=None,
    kinds=KINDS,
    sources=SOURCES[:1],
    density=DENSITY[:2],
    total=5,
    missing=(),
)

_RAW: Final = """{
  "resourceType": "Observation",
  "id": "eQ2mY5",
  "status": "final",
  "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}]},
  "valueQuantity": {"value": 6.90, "unit": "%"}
}"""


def member(
    chip: SourceChip, fhir_id: str, value: str, status: str, lab: str, *, differs: bool
) -> MemberDetail:
    return MemberDetail(
        chip=chip,
        resource_type="Observation",
        fhir_id=fhir_id,
        title="Hemoglobin A1c",
        value=value,
        date=day("2026-11-14", "14 Nov", "14 November 2026, 08:12"),
        status=status,
        fields=(
            FieldRow(label="Code", value="LOINC 4548-4"),
            FieldRow(label="Reference range", value="4.0-5.6 %"),
            FieldRow(label="Performed by", value=lab, differs=differs),
        ),
        raw_json=_RAW,
        versions=(
            VersionLine(number=2, seen_text="14 November 2026", note="amended by the portal", raw_json=_RAW),
            VersionLine(number=1, seen_text="13 November 2026", raw_json=_RAW),
        )
        if chip == LAK
        else (),
    )


FACT: Final = FactDetail(
    line=line(
        "result",
        "Hemoglobin A1c",
        value="6.9",
        unit="%",
        flag="high",
        flag_text="above 4.0-5.6",
        chips=(LAK, NOR),
        conflict=True,
    ),
    statement="Measured in blood on 14 November 2026. Lakeside Clinic and Northern Labs both report it.",
    members=(
        member(LAK, "eQ2mY5", "6.9 %", "amended", "Northern Labs", differs=False),
        member(NOR, "77120", "6.9 %", "final", "", differs=False),
    ),
    rule_sentence="Both carry the accession number that the lab gave to this one specimen.",
    evidence=("Accession number A-2026-118820 in both.", "Same code, same minute, same value."),
    visit=FOLLOW_UP,
    linked=(
        line("report", "Diabetes panel", chips=(NOR,)),
        line("document", "Visit note", detail="Dr. Ana Ferreira"),
    ),
    similar=(line("result", "Hemoglobin A1c", value="6.8", unit="%", when=OCT, chips=(MER,), apart=True),),
)
SINGLE: Final = FactDetail(
    line=line("condition", "Osteoarthritis of the right knee", when=_MAY, status_text="active"),
    statement="A problem that Lakeside Clinic has on its list since May 2025.",
    members=(
        MemberDetail(
            chip=LAK,
            resource_type="Condition",
            fhir_id="c-4",
            title="Osteoarthritis of the right knee",
            value="",
            date=_MAY,
            status="active",
            fields=(FieldRow(label="Severity", value="moderate"),),
            raw_json=_RAW,
        ),
    ),
)
VISIT: Final = VisitDetail(
    fact=EMERGENCY,
    statement="19 August 2026, 02:14 to 08:20, at Mercy General.",
    groups=(
        VisitGroup(kind="condition", kind_name="Problems", lines=(CHEST,)),
        VisitGroup(kind="result", kind_name="Results", lines=(*_AUGUST.lines[:1], A1C, LDL)),
        VisitGroup(kind="document", kind_name="Documents", lines=_AUGUST.lines[1:2]),
    ),
    total=26,
)

LEDGER: Final = (
    LedgerRow(label="Visits", text="183", state="complete"),
    LedgerRow(label="Results", text="1,904", state="complete"),
    LedgerRow(label="Medications", text="122", state="complete"),
    LedgerRow(label="Vaccines", text="19", state="complete"),
    LedgerRow(label="Documents", text="311", state="complete"),
    LedgerRow(label="Procedures", text="58", state="complete"),
)
PARTIAL: Final = (
    LedgerRow(label="Visits", text="64", state="complete"),
    LedgerRow(label="Results", text="736", state="complete"),
    LedgerRow(
        label="Procedures",
        text="50 of 109",
        state="partial",
        reason="The portal stopped after 50 though it counts 109; it is asked again tonight.",
    ),
    LedgerRow(
        label="Notes",
        text="refused",
        state="refused",
        reason="You did not tick notes, or the clinic does not share them.",
    ),
    LedgerRow(
        label="Devices", text="not offered", state="unsupported", reason="This portal has no list of devices."
    ),
    LedgerRow(
        label="Goals", text="failed", state="failed", reason="The portal answered with an error three times."
    ),
)
CARDS: Final = {
    "complete": SourceCard(
        id=UUID(int=1),
        name="Mercy General",
        vendor_name="Chartworks",
        state="complete",
        state_text="complete",
        last_sync_text="synced this morning, 06:10",
        next_sync_text="next tonight",
        ledger=LEDGER,
    ),
    "partial": SourceCard(
        id=UUID(int=2),
        name="Lakeside Clinic",
        vendor_name="Cliniq",
        state="partial",
        state_text="partly here",
        last_sync_text="synced an hour ago",
        ledger=PARTIAL,
        problems=(
            "The portal stopped after 50 procedures though it counts 109; it is asked again tonight.",
            "It did not grant notes: reconnect and tick them, or ask the clinic to share them.",
        ),
        can_reconnect=True,
        quarantined=1,
    ),
    "syncing": SourceCard(
        id=UUID(int=3),
        name="Northern Labs",
        vendor_name="Meridian",
        state="syncing",
        state_text="fetching",
        progress=Progress(done=7, total=12, label="Results, page 7 of about 12; 412 so far, 31 new"),
        ledger=(
            *LEDGER[:2],
            LedgerRow(label="Reports", text="waiting", state="waiting"),
            LedgerRow(label="Documents", text="now", state="running"),
        ),
        is_demo=True,
    ),
    "reconnect": SourceCard(
        id=UUID(int=4),
        name="Corner Pharmacy",
        vendor_name="Openward",
        state="reconnect",
        state_text="needs you",
        last_sync_text="last synced 2 October",
        problems=(
            "The pharmacy ended the access on 12 November. What came until then stays; connect again for the rest.",
        ),
        can_reconnect=True,
        can_sync=False,
    ),
    "failed": SourceCard(
        id=UUID(int=5),
        name="St. Anne's Hospital for Children and Adolescents, Outpatient Department",
        vendor_name="Chartworks",
        state="failed",
        state_text="no answer",
        last_sync_text="tried at 06:10",
        problems=(
            "The portal did not answer. Everything fetched before is here; it is tried again at 09:00.",
        ),
    ),
    "waiting": SourceCard(
        id=UUID(int=6),
        name="Mercy General",
        vendor_name="Chartworks",
        state="waiting",
        state_text="waiting",
        progress=Progress(done=0, total=0, label="Waiting for its turn"),
    ),
    "disconnected": SourceCard(
        id=UUID(int=7),
        name="Old Town Practice",
        vendor_name="Any FHIR server",
        state="disconnected",
        state_text="disconnected",
        last_sync_text="last synced in 2024",
        can_reconnect=True,
        can_sync=False,
    ),
}
SOURCE: Final = SourceDetail(
    card=CARDS["partial"],
    connected_text="3 March 2026",
    address="https://fhir.lakeside.example/r4",
    scope_words=(
        "Visits and stays",
        "Lab results and vital signs",
        "Medications",
        "Procedures and operations",
    ),
    runs=(
        RunLine(
            id=UUID(int=1),
            started_text="Today, 09:14",
            state="partial",
            state_text="partly",
            summary="31 new, 4 changed, 815 as before",
            seconds_text="38 seconds",
            requests=41,
            problems=("Procedures: 50 of 109. Notes: refused.",),
        ),
        RunLine(
            id=UUID(int=2),
            started_text="Yesterday, 09:12",
            state="complete",
            state_text="complete",
            summary="Nothing new",
            seconds_text="12 seconds",
            requests=22,
        ),
        RunLine(
            id=UUID(int=3),
            started_text="21 November, 09:12",
            state="failed",
            state_text="no answer",
            summary="Nothing was fetched",
            requests=3,
            problems=("The portal did not answer within 30 seconds, three times.",),
        ),
    ),
)
QUARANTINE: Final = QuarantinePage(
    source_name="Lakeside Clinic",
    total=2,
    lines=(
        QuarantineLine(
            id=UUID(int=1),
            resource_type="Observation",
            fhir_id="x-991",
            reason="It is nested 2,000 levels deep; real records need fewer than 64.",
            seen_text="Today, 09:14",
            size_text="48 kB",
            raw_text='{"resourceType": "Observation", "component": [[[[[[[[',
        ),
        QuarantineLine(
            id=UUID(int=2),
            resource_type="",
            fhir_id="",
            reason="It carries no id, so it could never be found again.",
            seen_text="Today, 09:14",
            size_text="212 bytes",
        ),
    ),
)
PORTALS: Final = {
    "ready": PortalChoice(
        id=1,
        name="Mercy General",
        vendor_name="Chartworks",
        place="Springfield",
        status="sandbox",
        resource_types=(
            "Patient",
            "Encounter",
            "Observation",
            "Condition",
            "MedicationRequest",
            "AllergyIntolerance",
            "Immunization",
            "Procedure",
            "DiagnosticReport",
            "DocumentReference",
            "Practitioner",
            "Coverage",
        ),
    ),
    "connected": PortalChoice(
        id=2, name="Lakeside Clinic", vendor_name="Cliniq", place="Lakeside", connected=True
    ),
    "unregistered": PortalChoice(
        id=3,
        name="Northern Labs",
        vendor_name="Meridian",
        status="documented",
        connectable=False,
        why_not="Whoever runs this server has not registered it with this vendor yet; the guide says how.",
    ),
}
