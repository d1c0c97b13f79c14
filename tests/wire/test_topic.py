"""The topics: names under a prefix, partitions by key, retention."""

from coldplate.wire.topic import Topics, rack_key

HOUR_MS = 3_600_000


def test_names_stand_under_the_prefix():
    """Two clusters on one Kafka share nothing but the broker."""
    words = (
        "frames",
        "events",
        "racks",
        "anomalies",
        "findings",
        "incidents",
        "actions",
        "rejects",
        "baselines",
        "plant",
    )
    assert [f"coldplate.{w}" for w in words] == [getattr(Topics(), w) for w in words]
    assert [f"site.b.{w}" for w in words] == [s.name for s in Topics("site.b").specs()]


def test_what_is_keyed_by_rack_is_spread_and_the_rest_is_not():
    """Cluster-wide order needs one partition; a rack's order holds within its own."""
    specs = {s.name.removeprefix("coldplate."): s for s in Topics().specs(partitions=24)}
    spread = {name for name, s in specs.items() if s.partitions == 24}
    assert {"frames", "events", "anomalies", "baselines"} == spread
    assert {1} == {s.partitions for name, s in specs.items() if name not in spread}
    assert {"rack"} == {specs[name].key for name in spread}
    assert "incident id" == specs["incidents"].key == specs["actions"].key


def test_records_stay_long_enough_to_restart_from():
    """Frames for a day, what people decide on for a week, open incidents for a month."""
    hours = {s.name.removeprefix("coldplate."): s.retention_ms // HOUR_MS for s in Topics().specs()}
    assert 24 == hours["frames"] == hours["baselines"]
    assert hours["events"] == hours["anomalies"] == hours["rejects"] == 168
    assert 720 == hours["incidents"] == hours["actions"]


def test_each_topic_says_what_it_holds():
    """For the page and the deployer."""
    assert all(s.holds and s.key for s in Topics().specs())


def test_the_key_of_a_rack_is_its_id():
    """In UTF-8, so that every language's producer comes to the same partition."""
    assert b"rack-0003" == rack_key("rack-0003")
    assert "Süd-1".encode() == rack_key("Süd-1")
