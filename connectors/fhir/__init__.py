"""FHIR R4 over the egress: pages as raw slices, digests, what to ask for and what an answer refers to."""
