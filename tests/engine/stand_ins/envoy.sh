#!/bin/sh
# Stands in for the entry point of the official image of Envoy: options are those of Envoy, the rest is a command.
[ "${1#-}" = "$1" ] || set -- envoy "$@"
exec "$@"
