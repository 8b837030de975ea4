"""What Renée was prescribed at the clinic, from the first tablet on."""

from datetime import date
from typing import Final

from connectors.sandbox.family.medications import Prescription

PRESCRIPTIONS: Final = (
    Prescription(
        "lisinopril 10",
        "lisinopril10",
        "lisinopril 10 mg tablet",
        "Take 1 tablet by mouth once daily",
        1,
        date(2004, 3, 9),
        date(2009, 5, 12),
        "Dose increased to 20 mg",
    ),
    Prescription(
        "lisinopril 20",
        "lisinopril20",
        "lisinopril 20 mg tablet",
        "Take 1 tablet by mouth once daily",
        1,
        date(2009, 5, 12),
    ),
    Prescription(
        "simvastatin",
        "simvastatin20",
        "simvastatin 20 mg tablet",
        "Take 1 tablet by mouth at bedtime",
        1,
        date(2008, 5, 6),
        date(2021, 6, 22),
        "Changed to atorvastatin after hospital visit",
    ),
    Prescription(
        "metformin 500",
        "metformin500",
        "metformin 500 mg tablet",
        "Take 1 tablet by mouth twice daily with meals",
        2,
        date(2011, 2, 15),
        date(2013, 5, 7),
        "Dose increased to 1000 mg",
    ),
    Prescription(
        "metformin 1000",
        "metformin1000",
        "metformin 1,000 mg tablet",
        "Take 1 tablet by mouth twice daily with meals",
        2,
        date(2013, 5, 7),
    ),
    Prescription(
        "naproxen",
        "naproxen500",
        "naproxen 500 mg tablet",
        "Take 1 tablet by mouth twice daily as needed for knee pain, with food",
        2,
        date(2014, 9, 16),
        date(2017, 4, 25),
        "Iron deficiency: possible gastrointestinal blood loss",
    ),
    Prescription(
        "iron",
        "iron",
        "ferrous sulfate 325 mg tablet",
        "Take 1 tablet by mouth daily",
        1,
        date(2017, 4, 25),
        date(2017, 12, 20),
    ),
    Prescription(
        "atorvastatin",
        "atorvastatin40",
        "atorvastatin 40 mg tablet",
        "Take 1 tablet by mouth at bedtime",
        1,
        date(2021, 6, 22),
    ),
)
