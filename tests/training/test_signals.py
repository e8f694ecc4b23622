"""A signal asks to stop; what can be given up is given up at once."""

from __future__ import annotations

import os
import signal
import time

import pytest

from todus.training.signals import asked_to_stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_remembered_and_interrupts_nothing(number):
    before = signal.getsignal(number)
    with asked_to_stop() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number.name
    assert signal.getsignal(number) == before


def test_a_call_that_can_be_given_up_ends_at_once():
    cleaned_up = []

    def endless() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                time.sleep(0.01)
        except Exception:  # as code that is interrupted may have it
            cleaned_up.append("taken for a failure")
        finally:
            cleaned_up.append("finally")

    with asked_to_stop() as stop:
        assert stop.call(endless) is None
        assert stop.signal == "SIGTERM"
        assert cleaned_up == ["finally"]
        assert stop.call(lambda: "called") is None, "there is no time for it any more"
        os.kill(os.getpid(), signal.SIGINT)  # outside of such a call it interrupts nothing, still
        assert stop.signal == "SIGINT"


def test_without_a_signal_a_call_is_a_call():
    with asked_to_stop() as stop:
        assert stop.call(lambda x, y: x + y, 3, 4) == 7
