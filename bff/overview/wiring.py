"""Builds the aggregator of overviews: constructors, top to bottom."""

from bff.overview.backends import GrpcBackends, Peers
from bff.overview.rpc import OverviewServicer
from bff.overview.settings import Settings
from kit.background import Background
from kit.channels import Peer
from kit.run import App, Stateless
from kit.tokens import TokenVerifier, keys_of


def build(settings: Settings) -> App:
    """The whole aggregator, not started yet. All calls to its peers are in the name of the user who asks."""
    peers = Peers(
        orders=Peer("orders", settings.orders_address, for_user=True),
        users=Peer("users", settings.users_address, for_user=True),
        products=Peer("products", settings.products_address, for_user=True),
        payments=Peer("payments", settings.payments_address, for_user=True),
        shipping=Peer("shipping", settings.shipping_address, for_user=True),
    )
    return App(
        engine=Stateless(),
        tokens=TokenVerifier(keys_of(peers.users)),
        servicers={"ordermesh.overview.v1.OverviewService": OverviewServicer(GrpcBackends(peers))},
        background=Background(),
        peers=[peers.orders, peers.users, peers.products, peers.payments, peers.shipping],
    )
