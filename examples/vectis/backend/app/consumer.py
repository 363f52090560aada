"""`python -m app.consumer`: applies the events of the topic `order.placed`."""

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from sqlalchemy.exc import SQLAlchemyError

from app import config, database, logs, orders
from app.errors import Unavailable
from app.retry import stop_event, until_works

TOPIC, GROUP = "order.placed", "vectis-orders"
log = logging.getLogger("app.consumer")


async def _connect() -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=config.current().redpanda_broker,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
    except BaseException:
        await _close(consumer)
        raise
    return consumer


async def _close(consumer: AIOKafkaConsumer) -> None:
    # With its broker gone, stop() waits, fails, or raises the cancellation of a task of its own.
    with suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(consumer.stop(), 10)


def _attempt(record: ConsumerRecord) -> Callable[[], asyncio.Future[bool]]:
    order = orders.parse(record.value)
    return lambda: asyncio.ensure_future(orders.apply(order))


async def _handle(record: ConsumerRecord, stop: asyncio.Event) -> bool:
    """Apply one message however long the database is away; False when stopped before."""
    place = f"{record.topic}/{record.partition}@{record.offset}"
    try:
        attempt = _attempt(record)
    except orders.BadMessage as error:
        log.error("skipping the message at %s: %s", place, error)
        return True
    errors = (Unavailable, SQLAlchemyError)
    new = await until_works(attempt, errors, stop, log, f"cannot apply {place} yet")
    if new is False:
        log.info("the event at %s was applied before", place)
    return new is not None


async def _consume(consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
    while not stop.is_set():
        batches = await consumer.getmany(timeout_ms=500)
        for partition, records in batches.items():
            for record in records:
                if stop.is_set() or not await _handle(record, stop):
                    return
                await _commit(consumer, partition, record.offset + 1)


async def _commit(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
    try:
        await consumer.commit({partition: offset})
    except CommitFailedError:
        # Another member has the partition now and gets the message again: apply() knows it.
        log.warning("the offset was not committed: the group has been rebalanced")


async def run() -> None:
    """Consume until SIGTERM; a lost broker means connecting again."""
    stop = stop_event()
    errors = (KafkaError, OSError)
    while not stop.is_set():
        consumer = await until_works(_connect, errors, stop, log, "the broker does not answer")
        if consumer is None:
            break
        log.info("consuming %s as %s", TOPIC, GROUP)
        try:
            await _consume(consumer, stop)
        except KafkaError as error:
            log.warning("lost the broker: %s", type(error).__name__)
        finally:
            await _close(consumer)
    await database.close()
    log.info("consumer stopped")


def main() -> int:
    """Check the environment, then consume."""
    config.require("consumer")
    logs.configure()
    # aiokafka says the same many times a second while it looks for a broker.
    logs.thin_out("aiokafka", seconds=30)
    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
