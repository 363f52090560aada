"""`python -m app.worker`: runs the Temporal workflows of the task queue `vectis`."""

import asyncio
import logging
import sys
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
)
from temporalio.service import RPCError
from temporalio.worker import Worker

from app import config, database, logs
from app.reports import StockReport, write_stock_report
from app.retry import stop_event, until_works

TASK_QUEUE = "vectis"
log = logging.getLogger("app.worker")


async def _schedule(client: Client) -> None:
    """Have a report made every hour; a schedule that exists is left as it is."""
    action = ScheduleActionStartWorkflow(
        StockReport.run, 10, id="stock-report", task_queue=TASK_QUEUE
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))])
    try:
        await client.create_schedule("stock-report-hourly", Schedule(action=action, spec=spec))
    except ScheduleAlreadyRunningError:
        return


async def run() -> None:
    """Work until SIGTERM, then finish what was begun."""
    host = config.current().temporal_host
    stop = stop_event()

    async def connect() -> Client:
        client = await Client.connect(host)
        await _schedule(client)
        return client

    # Client.connect reports a server that is not there as a bare RuntimeError.
    errors = (RuntimeError, RPCError, OSError)
    client = await until_works(connect, errors, stop, log, "Temporal does not answer")
    if client is not None:
        worker = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[StockReport],
            activities=[write_stock_report],
            graceful_shutdown_timeout=timedelta(seconds=20),
        )
        async with worker:
            log.info("worker started on task queue %s", TASK_QUEUE)
            await stop.wait()
            log.info("stopping: no new tasks, finishing those in hand")
    await database.close()
    log.info("worker stopped")


def main() -> int:
    """Check the environment, then work."""
    config.require("worker")
    logs.configure()
    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
