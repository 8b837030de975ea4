"""The one place where FHIR JSON becomes Python: decimals arrive as `Decimal`, never as float."""

import json
from decimal import Decimal
from typing import Any

import msgspec

# A number longer than this is no measurement; Python refuses to turn longer integers into text (4300 digits).
_LONGEST_INTEGER = 300
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def decode(raw: bytes | str) -> Any:
    """FHIR JSON -> dict/list/str/bool/None with whole numbers as int and decimals as `Decimal`.

    `str()` of a decimal is the text that was sent (13.20 stays 13.20); see `values.number_text` for exponents.
    Raises ValueError when `raw` is no JSON or nests too deep. Of duplicate keys the last one wins, as in jsonb.
    """
    try:
        return _DECODER.decode(raw)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec refuses lone surrogates and very long integers that the standard library reads.
        return _decode_slowly(raw, error)


def _decode_slowly(raw: bytes | str, first: Exception) -> Any:
    try:
        return json.loads(raw, parse_float=Decimal, parse_int=_integer, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except (ValueError, ArithmeticError):
        raise ValueError("not JSON") from first


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INTEGER else Decimal(text)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
