"""A stateful SMART-on-FHIR portal on this machine's loopback: the demo and the tests talk to it over real HTTP."""
