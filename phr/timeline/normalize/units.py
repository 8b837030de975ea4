"""Units in one spelling for comparing; what is shown stays as the portal spelled it.

A closed list of spellings seen in portals' data, after UCUM (https://ucum.org/ucum): it joins spellings of one unit
and converts nothing.
"""

import re
from functools import lru_cache

_SPELLINGS = {
    "%": "% percent pct",
    "/min": "/min bpm beats/min beats/minute beat/min beatsperminute breaths/min breaths/minute breath/min "
    "respirations/min resp/min 1/min perminute",
    "10*3/uL": "10*3/ul 10^3/ul 10e3/ul x10e3/ul x10*3/ul x10^3/ul k/ul k/mm3 k/cumm thous/ul thousand/ul "
    "thousands/ul 10*9/l 10^9/l 10e9/l x10e9/l x10^9/l x10*9/l th/ul thou/ul 1000/ul",
    "10*6/uL": "10*6/ul 10^6/ul 10e6/ul x10e6/ul x10*6/ul x10^6/ul m/ul mil/ul mill/ul million/ul millions/ul "
    "10*12/l 10^12/l 10e12/l x10e12/l x10^12/l x10*12/l",
    "Cel": "cel degc c °c celsius degreescelsius degcelsius",
    "[degF]": "[degf] degf f °f fahrenheit degreesfahrenheit degfahrenheit",
    "[in_i]": "[in_i] in inch inches in_i",
    "[lb_av]": "[lb_av] lb lbs pound pounds lb_av",
    "[oz_av]": "[oz_av] oz ounce ounces",
    "cm": "cm cms centimeter centimeters centimetre centimetres",
    "d": "d day days",
    "fL": "fl femtoliter femtoliters",
    "g": "g gm gms gram grams",
    "g/L": "g/l gm/l",
    "g/dL": "g/dl gm/dl g/100ml",
    "h": "h hr hrs hour hours",
    "kg": "kg kgs kilogram kilograms",
    "kg/m2": "kg/m2 kg/m^2 kg/m*2 kg/m² kg/sqm kg/(m^2) kg/(m2)",
    "m": "meter meters metre metres",
    "mL/min/1.73m2": "ml/min/1.73m2 ml/min/{1.73_m2} ml/min/1.73_m2 ml/min/1.73m^2 ml/min/1.73m² "
    "ml/min/{1.73m2} ml/min/1.73sqm ml/min/(1.73_m2) ml/min/1.73",
    "meq/L": "meq/l",
    "mg": "milligram milligrams mgs",
    "mg/L": "mg/l",
    "mg/dL": "mg/dl mg/100ml mgs/dl",
    "mg/g": "mg/g",
    "mm/h": "mm/h mm/hr mm/hour",
    "mm[Hg]": "mm[hg] mmhg mm/hg torr mmofhg",
    "mmol/L": "mmol/l",
    "mmol/mol": "mmol/mol",
    "min": "min mins minute minutes",
    "mo": "mo month months",
    "[IU]/L": "[iu]/l iu/l",
    "[IU]/mL": "[iu]/ml iu/ml",
    "U/L": "u/l units/l unit/l",
    "U/mL": "u/ml units/ml",
    "mU/L": "mu/l",
    "m[IU]/L": "m[iu]/l miu/l",
    "u[IU]/mL": "u[iu]/ml uiu/ml mciu/ml",
    "uU/mL": "uu/ml",
    "m[IU]/mL": "m[iu]/ml miu/ml",
    "ng/dL": "ng/dl",
    "ng/mL": "ng/ml",
    "ug/L": "ug/l mcg/l",
    "ug/dL": "ug/dl mcg/dl",
    "ug/mL": "ug/ml mcg/ml",
    "ug": "ug mcg microgram micrograms",
    "pg": "pg picogram picograms",
    "pg/mL": "pg/ml",
    "s": "s sec secs second seconds",
    "umol/L": "umol/l mcmol/l",
    "nmol/L": "nmol/l",
    "pmol/L": "pmol/l",
    "mL": "ml milliliter milliliters millilitre cc",
    "L": "l liter liters litre litres",
    "wk": "wk week weeks",
    "a": "a yr yrs year years",
}
_KNOWN = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_NOTE = re.compile(r"\{[^{}]*\}")


@lru_cache(maxsize=4_096)
def canonical(unit: str) -> str:
    """A unit in one spelling: "mg/dl", "MG/DL " and "mg/dL" -> "mg/dL"; unknown ones only lose their spaces."""
    tight = "".join(unit.replace("\N{GREEK SMALL LETTER MU}", "u").replace("\N{MICRO SIGN}", "u").split())
    known = _KNOWN.get(tight) or _KNOWN.get(tight.lower())
    if known is not None:
        return known
    # UCUM annotations in braces say what was counted, not how: "{score}", "mg/g{creat}".
    bare = _NOTE.sub("", tight)
    return _KNOWN.get(bare) or _KNOWN.get(bare.lower()) or bare
