from tests.support.socket_client import *
from tests.support.sockets import *


async def test_smoke(db, database_url):
    async with serving(db, database_url) as served:
        p = uuid4()
        c = await SocketClient.ready(served.port)
        await c.subscribe(SEQ, {"p": str(p)})
        await asyncio.sleep(0.1)
        await served.log.count(p, 1, 3)
        print(await c.next(), await c.next(), await c.next())
        await c.subscribe("{ hello }", operation_id="2")
        print(await c.receive(), await c.receive())
        await c.close()
