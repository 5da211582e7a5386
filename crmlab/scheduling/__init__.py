"""Run a study by the clock: the schedule itself, and what cron, systemd, Windows and Airflow need for it.

``expression`` reads when, ``schedule`` is what runs when, ``crontab``, ``systemd``, ``windows`` and
``airflow`` write it down for those who keep the time, and ``catch_up`` decides, whenever it is woken, which
runs are due. Those who keep the time may therefore be late, wake it too often, or miss a night.
"""
