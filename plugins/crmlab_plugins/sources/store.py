"""Orders of a store that ``crmlab ingest`` made."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from crmlab.estimators import Source
from crmlab.labels import Text

if TYPE_CHECKING:
    import polars as pl


class BucketedStore(Source):
    """The orders of a store: ``folder`` is the one that ``crmlab ingest`` wrote.

    They were cleaned by the policy, the currency and the time zone of the study that was ingested. A report
    reads all of them at once; ``crmlab summarise`` goes bucket by bucket.
    """

    title: ClassVar[Text] = Text("分桶存储", "A store in buckets")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    folder: str

    @property
    def origin(self) -> Text:
        """What the store holds, and what was rejected on the way in."""
        said = self._store().manifest
        rejected = sum(said["rejected"].values())
        return Text(
            f"分桶存储 {Path(self.folder).name}：{said['rows']:,} 笔订单，{said['customers']:,} 位客户；"
            f"入库时拒收 {rejected:,} 行。",
            f"Store {Path(self.folder).name}: {said['rows']:,} orders of {said['customers']:,} customers; "
            f"{rejected:,} rows were rejected on the way in.",
        )

    def fingerprint(self) -> str:
        """Return a hash of the manifest, which tells of every part."""
        from crmlab.aggregates.store import MANIFEST

        return sha256((self._store().folder / MANIFEST).read_bytes()).hexdigest()

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Return the orders; raise DataError where the folder holds no store."""
        import polars as pl

        orders = self._store().scan()
        # As a source delivers them: amounts in currency units, and no day, which cleaning adds.
        amount = pl.col("amount_hundredths") / pl.lit(100.0)
        return {"orders": orders.select(pl.exclude("day", "amount_hundredths"), amount=amount)}

    def _store(self) -> Store:
        from crmlab.aggregates.store import Store

        return Store.open(self.folder)


if TYPE_CHECKING:
    from crmlab.aggregates.store import Store
