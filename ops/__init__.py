"""The operator's tools: installing, starting, watching and stopping the suite on one machine.

Modules that run before the environments exist (`install`, `kafka_jars`) and the launcher of every
part (`launch`) use the standard library only.
"""
