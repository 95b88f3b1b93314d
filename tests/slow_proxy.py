"""A relay between clients and a server that hands on at once what is asked, and late what is answered."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from tests.played import WITHIN_S


@contextmanager
def slow_answers(port: int, late_s: float) -> Iterator[str]:
    """The relay's address; `port` is the server's."""
    loop = asyncio.new_event_loop()
    ends: list[asyncio.StreamWriter] = []  # both of every connection
    relay = loop.run_until_complete(_listen(port, late_s, ends))
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(relay, ends), loop).result(WITHIN_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WITHIN_S)
        loop.close()


async def _listen(port: int, late_s: float, ends: list[asyncio.StreamWriter]) -> asyncio.Server:
    async def relayed(asks: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        ends.append(answers)
        answering, asking = await asyncio.open_connection("127.0.0.1", port)
        ends.append(asking)
        await asyncio.gather(_hand_on(asks, asking, 0.0), _hand_on(answering, answers, late_s))

    return await asyncio.start_server(relayed, "127.0.0.1", 0)


async def _hand_on(source: asyncio.StreamReader, to: asyncio.StreamWriter, late_s: float) -> None:
    later = asyncio.get_running_loop().call_later
    try:
        while data := await source.read(2**16):
            later(late_s, to.write, data)
    except ConnectionError:
        pass  # the end of this connection, as the other side will see it too
    later(late_s, to.close)


async def _end(relay: asyncio.Server, ends: list[asyncio.StreamWriter]) -> None:
    relay.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=WITHIN_S) if tasks else None
    for end in ends:
        end.transport.abort()  # some were to be closed later
    await asyncio.gather(*(end.wait_closed() for end in ends), return_exceptions=True)
