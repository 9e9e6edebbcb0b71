"""A bare grpcio server: what a round trip costs before the shop does anything."""

import sys
import threading
from concurrent import futures

import grpc

METHOD = "/bench.Echo/Echo"


class Echo(grpc.GenericRpcHandler):
    """Answers with the bytes it was sent."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """The one method."""
        if handler_call_details.method != METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, _context: request)


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((Echo(),))
    server.add_insecure_port(sys.argv[1])
    server.start()
    threading.Event().wait()
