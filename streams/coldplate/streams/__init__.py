"""The Faust app: decode into arrays, detectors, episodes, correlation into incidents.

Everything but `app`, `worker`, `reading`, `membership`, `parting` and `tail` runs without Kafka and without Faust: in a
notebook, in a test, in an evaluation, with the same classes and the same answer.
"""
