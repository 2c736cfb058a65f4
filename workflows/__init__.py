"""The order sagas on Temporal: workflows that command the participants by gRPC."""
