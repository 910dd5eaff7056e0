"""What taowire's ValidatorClient is told of a miner on loopback."""

from taowire.chain.axon import parse_axon
from taowire.chain.gateway import NeuronView


def neuron(port, hotkey):
    return NeuronView(
        uid=0,
        hotkey=hotkey,
        coldkey=hotkey,
        validator_permit=False,
        active=True,
        total_stake_tao=0,
        alpha_stake=0,
        tao_stake=0,
        axon=parse_axon(f"127.0.0.1:{port}", allow_private=True),
        last_update=0,
        incentive=0,
        dividends=0,
    )
