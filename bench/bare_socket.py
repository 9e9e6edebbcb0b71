"""A bare `websockets` echo: hands what one of a pair says to the other, and says that it did.

`python -m bench.bare_socket PORT`; the two of a pair connect as /<pair>/0 and /<pair>/1.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve

HOST = "127.0.0.1"


async def _main(port: int) -> None:
    connections: dict[str, ServerConnection] = {}

    async def hand_on(connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        connections[path] = connection
        other = path[:-1] + ("1" if path.endswith("0") else "0")
        async for text in connection:
            name = json.loads(text)["id"]
            if other in connections:
                await connections[other].send(json.dumps({"event": name}))
            await connection.send(json.dumps({"id": name, "done": {"seq": 0}}))

    async with serve(hand_on, HOST, port, ping_interval=None, compression=None):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
