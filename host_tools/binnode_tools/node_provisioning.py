"""One node gets its keys and its network: into the ledger first, then onto the node, and read back."""

from collections.abc import Callable

from binnode_tools import provisioning
from binnode_tools.fleet import Ledger
from binnode_tools.node_service import NodeError, NodeService
from binnode_tools.provisioning import APP_KEY, Entry, ProvisioningError


def provision(
    asked: Entry,
    ledger: Ledger,
    service: NodeService | None = None,
    new_keys: bool = False,
    sending: Callable[[], None] = lambda: None,
) -> tuple[Entry, str]:
    """(the ledger's entry, what became of its AppKey, as in `became`). It is in the ledger before the node hears of it.

    `service`: the node, None: there is none yet. `new_keys`: replace an AppKey that the node has and the ledger does
    not. `sending` is called when the node is to be told: up to there it is as it was. Raises a Problem.
    """
    if service is None:
        return _settled(asked, ledger)
    before = service.show()
    own = provisioning.dev_eui_of(service.info().device_id)
    known = ledger.find(asked.name, asked.dev_eui)
    if not asked.dev_eui and not (known and known.dev_eui):
        asked.config["lora_dev_eui"] = own
        known = known or ledger.find("", own)
    if known and not asked.dev_eui and known.dev_eui[6:10] == "fffe" and known.dev_eui != own:
        raise ProvisioningError(
            f"name = {known.name}: the ledger {ledger.path} has it with another chip's DevEUI, {known.dev_eui}; "
            f"this one's is {own}. Choose another name; if this board takes its place: --dev-eui {known.dev_eui}"
        )
    has = before.secrets.get(APP_KEY) and not (known and known.secrets.get(APP_KEY))
    if has and APP_KEY not in asked.secrets and not new_keys:
        raise ProvisioningError(
            f"the node has an AppKey that is not in the ledger {ledger.path}, and it can't be read back. Name "
            "the ledger that has it (--ledger), give it (--secret-file), or replace it: --new-keys"
        )
    entry, created = _settled(asked, ledger)
    sending()
    service.provision(entry.config, entry.secrets)
    after = service.show()
    wrong = [name for name, value in entry.config.items() if after.config.get(name) != value]
    wrong += [name for name in entry.secrets if not after.secrets.get(name)]
    if wrong:
        raise NodeError(f"read back different: {', '.join(wrong)}", "read_back")
    return entry, created


def became(new: bool, kept: bool, given: bool) -> str:
    """What a person wants to know of an AppKey: created, kept, given or none."""
    return "created" if new else "kept" if kept else "given" if given else "none"


def _settled(asked: Entry, ledger: Ledger) -> tuple[Entry, str]:
    given = APP_KEY in asked.secrets
    known = ledger.find(asked.name, asked.dev_eui)
    kept = known is not None and APP_KEY in known.secrets
    entry = ledger.merge(asked)
    new = provisioning.complete(entry)
    wrong = provisioning.problems(entry)
    if entry.lorawan and not entry.dev_eui:
        wrong.append("dev_eui: not known; give --dev-eui, or mac=..., or the node itself at --port")
    if wrong:
        raise ProvisioningError("; ".join(wrong))
    ledger.save()
    return entry, became(new, kept, given)
