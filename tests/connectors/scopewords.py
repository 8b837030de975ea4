"""Any scope, and any list of them, for properties."""

from hypothesis import strategies as st

from connectors.scopes import LETTERS, Scope, ScopeSet

contexts = st.sampled_from(["patient", "user", "system"])
types = st.sampled_from(["*", "Patient", "Observation", "Condition", "DocumentReference"])
letters = st.sets(st.sampled_from(LETTERS), min_size=1).map(
    lambda chosen: "".join(letter for letter in LETTERS if letter in chosen)
)
queries = st.sampled_from(["", "category=laboratory", "category=http://x.example/y|z&status=final"])
scopes = st.builds(
    Scope,
    context=contexts,
    resource_type=types,
    interactions=letters,
    query=queries,
    version=st.sampled_from(["v1", "v2"]),
)
scope_sets = st.lists(scopes, max_size=6).map(lambda found: ScopeSet(resources=tuple(dict.fromkeys(found))))
