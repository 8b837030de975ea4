"""Codes of the terminologies that portals use, each checked against what its steward publishes."""

from dataclasses import dataclass
from typing import Final

from connectors.sandbox.split import Resource

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM: Final = "http://unitsofmeasure.org"
HL7: Final = "http://terminology.hl7.org/CodeSystem"
US_CORE: Final = "http://hl7.org/fhir/us/core/StructureDefinition"
US_CORE_CODES: Final = "http://hl7.org/fhir/us/core/CodeSystem"


def coding(system: str, code: str, display: str = "") -> Resource:
    """One Coding; without a display where none is given."""
    found: Resource = {"system": system, "code": code}
    return {**found, "display": display} if display else found


def concept(*codings: Resource, text: str = "") -> Resource:
    """One CodeableConcept of these codings, with the words of whoever wrote it."""
    found: Resource = {}
    if codings:
        found["coding"] = list(codings)
    if text:
        found["text"] = text
    return found


def hl7(table: str, code: str, display: str = "") -> Resource:
    """Build a concept of one of HL7's own tables."""
    return concept(coding(f"{HL7}/{table}", code, display))


@dataclass(frozen=True, slots=True)
class Analyte:
    """A measured quantity: LOINC, UCUM unit, decimals as reported, and the usual adult range."""

    loinc: str
    display: str
    text: str
    unit: str
    places: int
    low: str = ""
    high: str = ""


ANALYTES: Final = {
    "hba1c": Analyte(
        "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "Hemoglobin A1c", "%", 1, "4.0", "5.6"
    ),
    "hba1c_ifcc": Analyte(
        "59261-8",
        "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol",
        "HbA1c (IFCC)",
        "mmol/mol",
        0,
        "20",
        "38",
    ),
    "glucose": Analyte(
        "2345-7", "Glucose [Mass/volume] in Serum or Plasma", "Glucose", "mg/dL", 0, "70", "99"
    ),
    "glucose_poc": Analyte(
        "41653-7",
        "Glucose [Mass/volume] in Capillary blood by Glucometer",
        "Glucose, POC",
        "mg/dL",
        0,
        "70",
        "140",
    ),
    "creatinine": Analyte(
        "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "Creatinine", "mg/dL", 2, "0.50", "1.10"
    ),
    "egfr": Analyte(
        "62238-1",
        "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by "
        "Creatinine-based formula (CKD-EPI)",
        "eGFR (CKD-EPI)",
        "mL/min/{1.73_m2}",
        0,
        "60",
    ),
    "sodium": Analyte(
        "2951-2", "Sodium [Moles/volume] in Serum or Plasma", "Sodium", "mmol/L", 0, "135", "145"
    ),
    "potassium": Analyte(
        "2823-3", "Potassium [Moles/volume] in Serum or Plasma", "Potassium", "mmol/L", 1, "3.5", "5.1"
    ),
    "cholesterol": Analyte(
        "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "Cholesterol, total", "mg/dL", 0, "", "199"
    ),
    "triglycerides": Analyte(
        "2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "Triglycerides", "mg/dL", 0, "", "149"
    ),
    "hdl": Analyte(
        "2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "HDL cholesterol", "mg/dL", 0, "50"
    ),
    "ldl": Analyte(
        "13457-7",
        "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation",
        "LDL cholesterol, calculated",
        "mg/dL",
        0,
        "",
        "99",
    ),
    "acr": Analyte(
        "9318-7",
        "Albumin/Creatinine [Mass Ratio] in Urine",
        "Albumin/creatinine ratio, urine",
        "mg/g",
        1,
        "",
        "29.9",
    ),
    "hemoglobin": Analyte(
        "718-7", "Hemoglobin [Mass/volume] in Blood", "Hemoglobin", "g/dL", 2, "12.00", "15.50"
    ),
    "hematocrit": Analyte(
        "4544-3",
        "Hematocrit [Volume Fraction] of Blood by Automated count",
        "Hematocrit",
        "%",
        1,
        "36.0",
        "46.0",
    ),
    "leukocytes": Analyte(
        "6690-2",
        "Leukocytes [#/volume] in Blood by Automated count",
        "White blood cells",
        "10*3/uL",
        1,
        "4.0",
        "11.0",
    ),
    "platelets": Analyte(
        "777-3", "Platelets [#/volume] in Blood by Automated count", "Platelets", "10*3/uL", 0, "150", "400"
    ),
    "ferritin": Analyte(
        "2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "Ferritin", "ng/mL", 0, "15", "150"
    ),
    "tsh": Analyte(
        "3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "TSH", "m[IU]/L", 2, "0.40", "4.50"
    ),
    "troponin": Analyte(
        "89579-7",
        "Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method",
        "Troponin I, high sensitivity",
        "ng/L",
        0,
        "",
        "16",
    ),
    "inr": Analyte(
        "6301-6", "INR in Platelet poor plasma by Coagulation assay", "INR", "{INR}", 1, "0.9", "1.1"
    ),
}

PANELS: Final = {
    "hba1c": ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "Hemoglobin A1c", ("hba1c",)),
    "lipid": (
        "24331-1",
        "Lipid 1996 panel - Serum or Plasma",
        "Lipid panel",
        ("cholesterol", "triglycerides", "hdl", "ldl"),
    ),
    "basic": (
        "24321-2",
        "Basic metabolic 2000 panel - Serum or Plasma",
        "Basic metabolic panel",
        ("glucose", "creatinine", "egfr", "sodium", "potassium"),
    ),
    "cbc": (
        "58410-2",
        "CBC panel - Blood by Automated count",
        "Complete blood count",
        ("leukocytes", "hemoglobin", "hematocrit", "platelets"),
    ),
    "acr": ("9318-7", "Albumin/Creatinine [Mass Ratio] in Urine", "Urine albumin/creatinine", ("acr",)),
    "inr": ("6301-6", "INR in Platelet poor plasma by Coagulation assay", "Prothrombin time, INR", ("inr",)),
}

VITALS: Final = {
    "heart_rate": Analyte("8867-4", "Heart rate", "Pulse", "/min", 0),
    "temperature": Analyte("8310-5", "Body temperature", "Temperature", "Cel", 1),
    "respiration": Analyte("9279-1", "Respiratory rate", "Respirations", "/min", 0),
    "weight": Analyte("29463-7", "Body weight", "Weight", "kg", 1),
    "height": Analyte("8302-2", "Body height", "Height", "cm", 1),
    "bmi": Analyte("39156-5", "Body mass index (BMI) [Ratio]", "BMI", "kg/m2", 1),
    "spo2": Analyte(
        "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "Oxygen saturation", "%", 0
    ),
    "head": Analyte("9843-4", "Head Occipital-frontal circumference", "Head circumference", "cm", 1),
}

PROBLEMS: Final = {
    "hypertension": (
        "59621000",
        "Essential hypertension (disorder)",
        "I10",
        "Essential (primary) hypertension",
    ),
    "diabetes": (
        "44054006",
        "Diabetes mellitus type 2 (disorder)",
        "E11.9",
        "Type 2 diabetes mellitus without complications",
    ),
    "lipids": ("55822004", "Hyperlipidemia (disorder)", "E78.5", "Hyperlipidemia, unspecified"),
    "prediabetes": ("15777000", "Prediabetes (finding)", "R73.03", "Prediabetes"),
    "knee": (
        "239873007",
        "Osteoarthritis of knee (disorder)",
        "M17.11",
        "Unilateral primary osteoarthritis, right knee",
    ),
    "anemia": (
        "87522002",
        "Iron deficiency anemia (disorder)",
        "D50.9",
        "Iron deficiency anemia, unspecified",
    ),
    "chest_pain": ("29857009", "Chest pain (finding)", "R07.9", "Chest pain, unspecified"),
    "embolism": (
        "59282003",
        "Pulmonary embolism (disorder)",
        "I26.99",
        "Other pulmonary embolism without acute cor pulmonale",
    ),
    "copd": (
        "13645005",
        "Chronic obstructive lung disease (disorder)",
        "J44.9",
        "Chronic obstructive pulmonary disease, unspecified",
    ),
    "sinusitis": ("36971009", "Sinusitis (disorder)", "J32.9", "Chronic sinusitis, unspecified"),
    "bronchitis": ("10509002", "Acute bronchitis (disorder)", "J20.9", "Acute bronchitis, unspecified"),
    "fibrillation": (
        "49436004",
        "Atrial fibrillation (disorder)",
        "I48.91",
        "Unspecified atrial fibrillation",
    ),
    "asthma": ("195967001", "Asthma (disorder)", "J45.909", "Unspecified asthma, uncomplicated"),
    "migraine": ("37796009", "Migraine (disorder)", "G43.909", "Migraine, unspecified, not intractable"),
    "pregnancy": (
        "72892002",
        "Normal pregnancy (finding)",
        "Z34.90",
        "Encounter for supervision of normal pregnancy",
    ),
    "otitis": ("65363002", "Otitis media (disorder)", "H66.90", "Otitis media, unspecified, unspecified ear"),
    "strep": ("43878008", "Streptococcal sore throat (disorder)", "J02.0", "Streptococcal pharyngitis"),
}

DRUGS: Final = {
    "lisinopril10": ("314076", "lisinopril 10 MG Oral Tablet"),
    "lisinopril20": ("314077", "lisinopril 20 MG Oral Tablet"),
    "metformin500": ("861007", "metformin hydrochloride 500 MG Oral Tablet"),
    "metformin1000": ("861004", "metformin hydrochloride 1000 MG Oral Tablet"),
    "simvastatin20": ("312961", "simvastatin 20 MG Oral Tablet"),
    "atorvastatin40": ("617311", "atorvastatin 40 MG Oral Tablet"),
    "aspirin81": ("243670", "aspirin 81 MG Oral Tablet"),
    "empagliflozin": ("1545653", "empagliflozin"),
    "iron": ("310325", "ferrous sulfate 325 MG Oral Tablet"),
    "naproxen500": ("198014", "naproxen 500 MG Oral Tablet"),
    "oxycodone": ("1049221", "acetaminophen 325 MG / oxycodone hydrochloride 5 MG Oral Tablet"),
    "warfarin": ("11289", "warfarin"),
    "apixaban": ("1364430", "apixaban"),
    "metoprolol": ("866436", "24 HR metoprolol succinate 50 MG Extended Release Oral Tablet"),
    "latanoprost": ("43611", "latanoprost"),
    "albuterol": ("435", "albuterol"),
    "sumatriptan": ("37418", "sumatriptan"),
    "amoxicillin": ("723", "amoxicillin"),
}

VACCINES: Final = {
    "flu": ("141", "Influenza, seasonal, injectable"),
    "flu_free": ("140", "Influenza, seasonal, injectable, preservative free"),
    "flu_quad": ("150", "influenza, injectable, quadrivalent, preservative free"),
    "flu_high": ("135", "Influenza, high-dose, trivalent, PF"),
    "flu_high_quad": ("197", "Influenza, high-dose, quadrivalent, PF"),
    "covid": ("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"),
    "covid_bivalent": ("300", "COVID-19, mRNA, LNP-S, bivalent, PF, 30 mcg/0.3 mL dose"),
    "covid_tris": ("309", "COVID-19, mRNA, LNP-S, PF, tris-sucrose, 30 mcg/0.3 mL"),
    "pneumo23": ("33", "pneumococcal polysaccharide vaccine, 23 valent"),
    "pneumo20": ("216", "Pneumococcal conjugate vaccine, 20-valent (PCV20)"),
    "tdap": ("115", "Tdap"),
    "td": ("113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed"),
    "zoster": ("187", "zoster vaccine recombinant"),
    "hepb": ("08", "Hep B, adolescent or pediatric"),
    "dtap": ("20", "DTaP"),
    "ipv": ("10", "IPV"),
    "hib": ("49", "Hib (PRP-OMP)"),
    "pcv13": ("133", "Pneumococcal conjugate PCV 13"),
    "rota": ("119", "rotavirus, monovalent"),
    "mmr": ("03", "MMR"),
    "varicella": ("21", "varicella"),
    "hepa": ("83", "Hep A, ped/adol, 2 dose"),
}
