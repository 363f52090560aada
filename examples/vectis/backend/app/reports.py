"""The stock report: a Temporal workflow, and the activity that does the work."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy


@workflow.defn
class StockReport:
    """Which products are nearly sold out; the outcome is kept as the setting `stock_report`."""

    @workflow.run
    async def run(self, threshold: int = 10) -> int:
        """Write the report and return how many products it lists."""
        return await workflow.execute_activity(
            write_stock_report,
            threshold,
            start_to_close_timeout=timedelta(seconds=30),
            schedule_to_close_timeout=timedelta(minutes=10),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1),
                backoff_coefficient=2.0,
                maximum_interval=timedelta(seconds=30),
            ),
        )


@activity.defn
async def write_stock_report(threshold: int) -> int:
    """Read the products at or below the threshold and store them, in one transaction."""
    # Here, because the workflow sandbox imports this module anew for every workflow.
    import json
    from datetime import UTC, datetime

    from sqlalchemy import select

    from app import database, vault
    from app.models import Product

    query = select(Product.slug, Product.stock).where(Product.stock <= threshold)
    async with database.session() as opened:
        low = [
            {"slug": slug, "stock": stock}
            for slug, stock in await opened.execute(query.order_by(Product.stock, Product.slug))
        ]
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        report = {"madeAt": made_at, "threshold": threshold, "products": low}
        await vault.store(opened, "stock_report", json.dumps(report))
    activity.logger.info("stock report: %d products at or below %d", len(low), threshold)
    return len(low)
