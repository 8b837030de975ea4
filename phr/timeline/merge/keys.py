"""Blocks: the keys through which two events must be connected to be one fact at all. PURE.

Merging all members of a person equals merging each connected component of the blocks by itself. So after a change only
the components that it touches are merged again. Dated kinds carry the day in the key, which keeps components to a few
events; standing kinds (problems, allergies) stand in one block a code.
"""

import hashlib
from collections.abc import Iterable

from phr.timeline.merge.member import Member
from phr.timeline.merge.rules import Rules, rules_of


def block_keys(member: Member) -> frozenset[str]:
    """The blocks of a member, as readable text; `block_hash` makes a bigint of each."""
    match = member.match
    rules = rules_of(match.family)
    found = {f"{member.natural}"}
    found.update(f"{match.family} number {system}|{value}" for system, value in match.ids)
    found.update(f"{match.family} content {digest}" for digest in match.digests)
    if rules.exact == "no":
        return frozenset(found)
    # Value and words of a family history, say, matter later; code or wording alone brings two together.
    stems = [f"{match.family} {token}" for token in (*match.codes, *match.local)]
    stems += [f"{match.family} t:{text}" for text in match.texts]
    found.update(f"{stem} {day}" for stem in stems for day in _days(member, rules))
    return frozenset(found)


def _days(member: Member, rules: Rules) -> Iterable[str]:
    match = member.match
    if rules.timeless or rules.coarse:
        return ("",)
    return {match.day, match.utc_day} if match.day else (match.time,)


def block_hash(key: str) -> int:
    """A signed 64-bit number for a block key, for a bigint column. A collision only widens a component."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
