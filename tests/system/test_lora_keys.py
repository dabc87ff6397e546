"""Other keys or another region: a start that is no timed wake looks whose the session in RTC memory is."""

from tests.system.lora_scenario import HOURLY, lora_scenario


def test_a_reset_keeps_the_session_to_the_counter():
    with lora_scenario(config=HOURLY) as node:
        node.run_hours(3.5)
        before = node.witness.sent[-1][1]
        node.board.reset()
        node.run_hours(6)
        assert ": sent" in node.wakes[-1].console and node.device.join_requests == 1
        counters = [count for _, count in node.witness.sent]
        assert counters == list(range(len(counters))) and len(counters) > before + 3


def test_a_session_of_other_keys_is_not_used():
    with lora_scenario(config=HOURLY) as node:
        node.run_hours(3.5)
        frames = len(node.witness.sent)
        node.board.chip.nvs.provision("binnode", "lora_app_key", b"00112233445566778899aabbccddeeff")
        node.board.reset()
        node.run_hours(5.5)
        assert "failed: no Join-Accept" in node.wakes[-1].console, "the network knows no such key"
        assert len(node.witness.sent) == frames
        assert {finding.text for finding in node.lora.server.findings} == {"a Join-Request with a wrong MIC"}
        node.lora.server.findings.clear()
