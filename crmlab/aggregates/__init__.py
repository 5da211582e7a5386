"""Aggregates over data of any size: a mergeable state per customer, and tables in customer buckets.

Written once in narwhals, in the dialect of :mod:`crmlab.summary`, so that polars, DuckDB and Spark give
the same bits. ``orders`` has ``customer_id``, ``day`` (days since 1970-01-01) and ``amount_hundredths``
(Int64, none null), and where the layout names values of them ``channel`` and ``category`` (String).

**The customer summary** (:mod:`crmlab.aggregates.customers`)::

    layout = Layout(channels=("门店", "web"), categories=("茶",), windows=(30, 90, 365), gaps=True)
    state = lift(orders, layout, as_of=None, by=())      # one row per customer (and per value of `by`)
    state = combine(*states, layout=layout)              # one row per customer
    features = finish(state, layout, as_of)              # one row per customer, as of a day
    spend = windows(orders, layout, as_of)               # the windowed sums alone, as of another day
    customers = overlapping(*states)                     # whom to lift anew, see below

* ``lift`` without ``as_of`` gives a state that holds for every later day. With ``as_of`` it leaves later
  rows out and adds the spend of the windows that end on that day; ``windows`` gives these for another day
  from the rows of the longest window alone.
* ``by`` keeps further columns of ``orders`` as keys: with a ``month`` in ``orders``,
  ``lift(orders, layout, by=("month",))`` is a partial per customer and month, and ``combine`` folds those
  of any months into one row per customer.
* Counts, sums, extremes and categories are exact for any batches in any order. What depends on the order
  of days (``purchase_days``, ``gap_squares``, ``longest_gap``; only with ``gaps=True``) is exact where the
  batches of a customer do not overlap in days; they may touch in one. Of customers for whom they overlap,
  as late rows do, ``combine`` makes these columns null, and ``overlapping`` names them: lift their rows
  anew, whole or of the months concerned.

**Fast paths of polars**, equal bit by bit: :func:`crmlab.aggregates.packed.lift` (rows in any order, counters
packed into one integer), :func:`crmlab.aggregates.addressed.lift` (ids that are whole numbers close together;
``packed.lift`` and ``rfm.of_orders`` choose it) and :func:`crmlab.aggregates.runs.lift` (rows sorted by
customer and day).

**Cut points** (:mod:`crmlab.aggregates.cut_points`): ``order_statistics(frame, column, ranks)`` exactly, by
radix histograms, on every engine; ``quantiles(frame, column, shares, divisor)`` as the classifier ``rfm``
cuts.

**RFM** (:mod:`crmlab.aggregates.rfm`): ``of_orders(orders, as_of, settings)``, or in steps ``lift``,
``cut_points(state, as_of, settings)`` (of this state or a whole one; ``cut_points_of`` one in memory),
``classifier(cuts, settings)`` and ``label(features, classifier)``.

**The store** (:mod:`crmlab.aggregates.store`, :mod:`crmlab.aggregates.ingest`): orders in buckets by a
hash of the customer (:func:`crmlab.aggregates.hashing.buckets_of`), each sorted by customer and day;
``Store.open(folder)``, ``store.buckets``, ``store.rows(bucket)``, ``store.scan()``, ``store.layout()``;
``ingest(orders, folder, time_zone=…)``, which goes on where it was killed.

**Features of a store** (:mod:`crmlab.aggregates.summarise`): ``state(store, bucket, layout, as_of)`` and
``summarise(store, folder, as_of, layout)``, bucket by bucket, memory bounded by a bucket.

**Increments** (:mod:`crmlab.aggregates.increments`): ``append(folder, orders)`` adds a day's orders to a
store and keeps the state of its customers current, late rows included. :mod:`crmlab.aggregates.kept`:
``current(store, bucket)`` is that state, ``features(store, bucket, as_of)`` its features.

**Snapshots** (:mod:`crmlab.aggregates.snapshots`): ``snapshots(store, folder, days)`` writes the features as
of several days in one walk along the rows; ``month_ends(last, days)``.

**Feedback** (:mod:`crmlab.aggregates.feedback`): ``lift(feedback, by)``, ``combine(*states, by=by)``,
``finish(state, by)`` of answers by any keys, such as segment × period × channel.
"""
