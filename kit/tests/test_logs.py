"""What a log line must not show."""

import json

import pytest

from kit.logs import log
from kit.testing.logs import as_a_service_logs


def test_the_row_that_a_database_error_quotes_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    error = ValueError("violates a check\nDETAIL:  Failing row contains (1, tok_approved).")
    with as_a_service_logs("payments"):
        try:
            raise error
        except ValueError as caught:
            log().error("rpc_failed", exc_info=caught)
    line = json.loads(capsys.readouterr().out)
    assert "violates a check" in line["exception"]
    assert "tok_approved" not in line["exception"]
