"""What a person does about an incident from the terminal."""

from coldplate.console.context import Context
from coldplate.console.live.app import Act
from coldplate.console.live.picture import Open
from coldplate.wire.action import Verb


def acting(context: Context) -> Act:
    """Publishes, and waits until Kafka has it."""

    def does(verb: str, incident: Open) -> str:
        # Loads Kafka's client, which who only looks does not need.
        from coldplate.console.acting import act

        done = act(context, Verb(verb), None, incident=incident.id, step=incident.step)
        return f"{verb} of {incident.id} by {done.who} is sent; it shows when the history has it"

    return does
